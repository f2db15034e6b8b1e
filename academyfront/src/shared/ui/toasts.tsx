import { notifications } from "@mantine/notifications";
import { i18next } from "@/shared/i18n";
import { problemWords } from "./problemWords";
import classes from "./toasts.module.css";

export function toastDone(message: string): void {
  notifications.show({ message, color: "teal", autoClose: 4_000, closeButtonProps: closeButton() });
}

export function toastProblem(error: unknown): void {
  const { detail, hint } = problemWords(error, i18next.t);
  toastRefusal(detail, hint);
}

export function toastRefusal(title: string, message: string): void {
  notifications.show({ title, message, color: "red", autoClose: 12_000, closeButtonProps: closeButton() });
}

/** Stays until it is closed: the list may be long. */
export function toastReasons(title: string, reasons: readonly string[]): void {
  const message = (
    <ul className={classes.reasons}>
      {[...new Set(reasons)].map((reason) => (
        <li key={reason}>{reason}</li>
      ))}
    </ul>
  );
  notifications.show({ title, message, color: "red", autoClose: false, closeButtonProps: closeButton() });
}

function closeButton() {
  return { "aria-label": i18next.t("app.close") };
}
