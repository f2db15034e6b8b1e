import { useTranslation } from "react-i18next";
import { assertNever } from "@/shared/assertNever";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { useNow } from "@/shared/ui/useNow";
import { readMeter, remainingSeconds } from "../upload/speedMeter";
import type { UploadProblem } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";
import { useRemainingWords } from "./words";

/** One line that says what an upload is doing. */
export function useUploadWords(): (item: UploadItem) => string {
  const { t } = useTranslation();
  const language = useLanguage();
  const remainingWords = useRemainingWords();
  const problemWords = useUploadProblemWords();
  const nowMs = useNow(1_000);
  return ({ file, state }) => {
    switch (state.phase) {
      case "queued":
        return t("dock.queued");
      case "preparing":
        return t("dock.preparing");
      case "sending": {
        const sent = formatBytes(state.sentBytes, language);
        const parts = [t("dock.amount", { sent, total: formatBytes(file.size, language) })];
        const meter = readMeter(state.meter, state.sentBytes, nowMs);
        const { bytesPerSecond } = meter;
        if (bytesPerSecond !== null) parts.push(t("dock.speed", { speed: formatBytes(bytesPerSecond, language) }));
        const seconds = remainingSeconds(meter, state.sentBytes, file.size);
        if (seconds !== null) parts.push(remainingWords(seconds));
        return parts.join(" · ");
      }
      case "elsewhere":
        return t("dock.elsewhere");
      case "paused": {
        const sent = formatBytes(state.resume?.storedBytes ?? 0, language);
        return [t("dock.paused"), t("dock.amount", { sent, total: formatBytes(file.size, language) })].join(" · ");
      }
      case "waiting":
        return {
          offline: t("dock.waitingOffline"),
          network: t("dock.waitingNetwork"),
          storage: t("dock.waitingStorage"),
          server: t("dock.waitingServer"),
          queue: t("dock.waitingQueue"),
        }[state.reason];
      case "finishing":
        return t("dock.finishing");
      case "done":
        return t("dock.done");
      case "failed":
        return problemWords(state.problem);
      case "cancelled":
        return t("dock.cancelled");
      default:
        return assertNever(state);
    }
  };
}

function useUploadProblemWords(): (problem: UploadProblem) => string {
  const { t } = useTranslation();
  return (problem) => {
    switch (problem.kind) {
      case "refused":
        return problem.detail === "" ? t("dock.problemUnexpected") : `${problem.detail} ${problem.hint}`.trim();
      case "network":
        return t("dock.problemNetwork");
      case "storage":
        return t("dock.problemStorage", { status: problem.status });
      case "deleted":
        return t("dock.problemDeleted");
      case "different_file":
        return t("dock.problemDifferentFile");
      case "unreadable_file":
        return t("dock.problemUnreadable");
      case "unexpected":
        return t("dock.problemUnexpected");
      default:
        return assertNever(problem);
    }
  };
}
