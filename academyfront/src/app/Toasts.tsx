import { Notifications } from "@mantine/notifications";
import "@mantine/notifications/styles.css";
import classes from "./Toasts.module.css";

/** Where messages appear. It comes after the page; what was said before it came is shown then. */
export default function Toasts() {
  return <Notifications position="top-center" limit={4} className={classes.toasts} />;
}
