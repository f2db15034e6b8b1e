import { useState } from "react";
import { Button, Text, type ButtonProps } from "@mantine/core";
import { IconPlayerPlay, IconUpload } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { toastProblem } from "@/shared/ui/toasts";
import { continueOffer, type ContinueOutcome, type Leftover } from "../hooks/useOffers";
import type { ChosenFile } from "../upload/fileAccess";
import { useFilePicker } from "./useFilePicker";

/** Goes on with an unfinished upload: at once where the browser can read the file again, else by choosing it. */
export function ResumeButton({ leftover, ...look }: { leftover: Leftover } & ButtonProps) {
  const { t } = useTranslation();
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<ContinueOutcome>("started");
  const isRemembered = leftover.kept?.handle != null && outcome !== "needs_file";
  const resume = (chosen: ChosenFile | null) => {
    setBusy(true);
    continueOffer(leftover, chosen)
      .then(setOutcome, toastProblem)
      .finally(() => setBusy(false));
  };
  const label = isRemembered ? t("upload.resume") : t("upload.resumeWithFile");
  const { open, input } = useFilePicker({
    label,
    testId: "resume-file-input",
    onChosen: ([chosen]) => resume(chosen ?? null),
  });
  return (
    <>
      <Button
        variant="light"
        {...look}
        leftSection={isRemembered ? <IconPlayerPlay size={16} /> : <IconUpload size={16} />}
        loading={isBusy}
        data-testid="resume-upload"
        onClick={() => (isRemembered ? resume(null) : open())}
      >
        {label}
      </Button>
      {input}
      <ResumeRefusal outcome={outcome} leftover={leftover} />
    </>
  );
}

function ResumeRefusal({ outcome, leftover }: { outcome: ContinueOutcome; leftover: Leftover }) {
  const { t } = useTranslation();
  const language = useLanguage();
  if (outcome === "started") return null;
  const { filename, size_bytes: sizeBytes } = leftover.video;
  const name = leftover.kept?.fileName ?? filename;
  return (
    <Text role="alert" size="sm" c="var(--danger)" w="100%" data-testid="resume-refusal">
      {outcome === "different_file"
        ? t("upload.otherFile", { name, size: formatBytes(sizeBytes, language) })
        : t("upload.fileNeeded", { name })}
    </Text>
  );
}
