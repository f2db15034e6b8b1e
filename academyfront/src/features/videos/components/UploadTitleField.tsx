import { useState } from "react";
import { TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import { videoApi } from "../api/videoApi";
import { uploadQueue } from "../hooks/uploads";
import { TITLE_MAX_LENGTH } from "../upload/fileCheck";
import { isFinal, resumePoint, type UploadState } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";
import { UploadTitle } from "./UploadTitle";
import classes from "./UploadTitleField.module.css";

/** The title may be put right while the file is on its way. */
export function UploadTitleField({ item }: { item: UploadItem }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(item.title);
  if (isSettled(item.state)) return <UploadTitle item={item} />;
  const commit = () => {
    const title = draft.trim();
    if (title === "" || title === item.title) {
      setDraft(item.title);
      return;
    }
    uploadQueue.rename(item.id, title);
    const videoId = resumePoint(item.state)?.videoId;
    if (videoId === undefined) return;
    videoApi.update(videoId, { title }).then(() => toastDone(t("upload.titleSaved")), toastProblem);
  };
  return (
    <TextInput
      variant="unstyled"
      size="sm"
      classNames={{ input: classes.input }}
      aria-label={t("upload.fileTitle", { name: item.file.name })}
      // The video is just being created with the title so far; a moment later it can be changed again.
      readOnly={item.state.phase === "preparing"}
      maxLength={TITLE_MAX_LENGTH}
      value={draft}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
      }}
    />
  );
}

function isSettled(state: UploadState): boolean {
  return isFinal(state) && !(state.phase === "failed" && state.problem.retryable);
}
