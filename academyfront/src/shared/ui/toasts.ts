import { notifications } from "@mantine/notifications";
import { i18next } from "@/shared/i18n";
import { problemWords } from "./problemWords";

export function toastDone(message: string): void {
  notifications.show({ message, color: "teal", autoClose: 4_000 });
}

export function toastProblem(error: unknown): void {
  const { detail, hint } = problemWords(error, i18next.t);
  notifications.show({ title: detail, message: hint, color: "red", autoClose: 10_000 });
}
