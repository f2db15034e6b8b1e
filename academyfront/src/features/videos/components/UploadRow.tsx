import { ActionIcon, Progress, Text, Tooltip } from "@mantine/core";
import { IconAlertCircle, IconCircleCheck, IconRefresh, IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { uploadQueue } from "../hooks/uploads";
import { useVideo } from "../hooks/useVideos";
import { isFinal, sentPercent, type UploadState } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";
import { EncodeProgress } from "./EncodeProgress";
import { StatusBadge } from "./StatusBadge";
import classes from "./UploadRow.module.css";
import { UploadTitle } from "./UploadTitle";
import { useUploadWords } from "./uploadWords";

/** One upload: a bar that counts what storage has taken, one line of words, and the buttons that make sense now. */
export function UploadRow({ item, title }: { item: UploadItem; title?: ReactNode }) {
  const words = useUploadWords();
  const { state } = item;
  return (
    <li className={classes.row} data-testid="upload-item" data-phase={state.phase}>
      <PhaseIcon state={state} />
      <div className={classes.body}>
        {title ?? <UploadTitle item={item} />}
        {isMovingPhase(state) && <SendProgress item={item} />}
        {state.phase === "done" ? (
          <EncodeState videoId={state.videoId} />
        ) : (
          <Text className={classes.words} data-failed={state.phase === "failed" || undefined}>
            {words(item)}
          </Text>
        )}
      </div>
      <RowButtons item={item} />
    </li>
  );
}

function SendProgress({ item }: { item: UploadItem }) {
  const { t } = useTranslation();
  const percent = sentPercent(item.state, item.file.size);
  return (
    <div className={classes.progress}>
      <Progress.Root size={6} radius="xl" className={classes.bar} transitionDuration={200}>
        <Progress.Section
          value={percent}
          aria-label={t("dock.progressOf", { title: item.title })}
          data-testid="upload-progress"
        />
      </Progress.Root>
      <span className={classes.percent}>{percent}%</span>
    </div>
  );
}

/** After the last byte: what the server makes of it, live. */
function EncodeState({ videoId }: { videoId: number }) {
  const { t } = useTranslation();
  const video = useVideo(videoId).data;
  if (video === undefined) return <Text className={classes.words}>{t("dock.done")}</Text>;
  return (
    <div className={classes.encode}>
      <StatusBadge status={video.status} />
      {video.progress !== null && <EncodeProgress video={video} />}
      {video.failure !== null && (
        <Text className={classes.words} data-failed>
          {video.failure.detail}
        </Text>
      )}
    </div>
  );
}

function RowButtons({ item: { id, state } }: { item: UploadItem }) {
  const { t } = useTranslation();
  const mayRetry = state.phase === "failed" && state.problem.retryable;
  return (
    <div className={classes.buttons}>
      {mayRetry && (
        <RowButton label={t("dock.retry")} testId="upload-retry" onClick={() => uploadQueue.retry(id)}>
          <IconRefresh size={18} />
        </RowButton>
      )}
      {isFinal(state) ? (
        <RowButton label={t("dock.dismiss")} testId="upload-dismiss" onClick={() => uploadQueue.dismiss(id)}>
          <IconX size={18} />
        </RowButton>
      ) : (
        <RowButton label={t("dock.cancel")} testId="upload-cancel" onClick={() => uploadQueue.cancel(id)}>
          <IconX size={18} />
        </RowButton>
      )}
    </div>
  );
}

interface RowButtonProps {
  label: string;
  testId: string;
  onClick: () => void;
  children: ReactNode;
}

function RowButton({ label, testId, onClick, children }: RowButtonProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size={34} aria-label={label} data-testid={testId} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

function PhaseIcon({ state }: { state: UploadState }) {
  if (state.phase === "done") return <IconCircleCheck size={22} className={classes.iconDone} aria-hidden />;
  if (state.phase === "failed") return <IconAlertCircle size={22} className={classes.iconFailed} aria-hidden />;
  return <span className={classes.spinner} data-still={!isMovingPhase(state) || undefined} aria-hidden />;
}

function isMovingPhase(state: UploadState): boolean {
  return state.phase === "sending" || state.phase === "waiting" || state.phase === "finishing";
}
