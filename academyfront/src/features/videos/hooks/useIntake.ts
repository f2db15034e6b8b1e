import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { assertNever } from "@/shared/assertNever";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { toastRefusal } from "@/shared/ui/toasts";
import type { ChosenFile } from "../upload/fileAccess";
import { checkFile, type FileVerdict } from "../upload/fileCheck";
import { addUploads, type Shelving } from "./uploads";
import { useQuota } from "./useVideos";

/** Take files from a picker or a drop: start the good ones, say for each other one why not. */
export function useIntake(): (files: readonly ChosenFile[], shelving: Shelving) => void {
  const { t } = useTranslation();
  const language = useLanguage();
  const limitBytes = useQuota().data?.file_bytes;
  return useCallback(
    (files, shelving) => {
      const reason = (verdict: FileVerdict): string | null => {
        switch (verdict.kind) {
          case "ok":
            return null;
          case "empty":
            return t("upload.rejectedEmpty");
          case "too_large":
            return t("upload.rejectedTooLarge", { limit: formatBytes(verdict.limitBytes, language) });
          case "not_a_video":
            return t("upload.rejectedType");
          default:
            return assertNever(verdict);
        }
      };
      const judged = files.map((chosen) => ({ chosen, why: reason(checkFile(chosen.file, limitBytes)) }));
      addUploads(
        judged.filter(({ why }) => why === null).map(({ chosen }) => chosen),
        shelving,
      );
      for (const { chosen, why } of judged) {
        if (why !== null) toastRefusal(chosen.file.name, why);
      }
    },
    [t, language, limitBytes],
  );
}
