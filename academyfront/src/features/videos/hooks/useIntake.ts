import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { assertNever } from "@/shared/assertNever";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { toastRefusal } from "@/shared/ui/toasts";
import { checkFile, type FileVerdict } from "../upload/fileCheck";
import { addUploads } from "./uploads";

/** Take files from a picker or a drop: start the good ones, say for each other one why not. */
export function useIntake(): (files: readonly File[], session: string) => void {
  const { t } = useTranslation();
  const language = useLanguage();
  return useCallback(
    (files, session) => {
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
      const judged = files.map((file) => ({ file, why: reason(checkFile(file)) }));
      addUploads(
        judged.filter(({ why }) => why === null).map(({ file }) => file),
        session,
      );
      for (const { file, why } of judged) {
        if (why !== null) toastRefusal(file.name, why);
      }
    },
    [t, language],
  );
}
