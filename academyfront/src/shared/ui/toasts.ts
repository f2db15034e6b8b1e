import { notifications } from "@mantine/notifications";
import { i18next } from "@/shared/i18n";
import { problemWords } from "./problemWords";

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

function closeButton() {
  return { "aria-label": i18next.t("app.close") };
}
