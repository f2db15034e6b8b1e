import { Suspense, lazy, useState } from "react";
import { useSession } from "@/shared/api/session";
import { AccountButton } from "./AccountButton";

const load = () => import("./AccountDropdown");
const AccountDropdown = lazy(load);

/** Who is signed in. What the menu needs comes with the first sign that somebody wants it. */
export function AccountMenu() {
  const session = useSession().data;
  const [isWanted, setWanted] = useState(false);
  if (session?.user == null) return null;
  const name = session.user.display_name === "" ? session.user.username : session.user.display_name;
  const ahead = () => void load().catch(() => undefined);
  const button = (
    <AccountButton name={name} aria-haspopup="menu" onPointerEnter={ahead} onFocus={ahead} onClick={() => setWanted(true)} />
  );
  if (!isWanted) return button;
  return (
    <Suspense fallback={button}>
      <AccountDropdown name={name} session={session} />
    </Suspense>
  );
}
