import { useSession } from "@/shared/api/session";
import classes from "./Player.module.css";

/** Who watches, over the picture, at changing places: a recording of the screen says where it comes from. */
export function Watermark() {
  const user = useSession().data?.user;
  if (user == null) return null;
  const name = user.display_name === "" ? user.username : `${user.display_name} · ${user.username}`;
  return (
    <div className={classes.watermark} data-testid="watermark" aria-hidden>
      {name}
    </div>
  );
}
