import { useState, type ReactNode } from "react";
import { ActionIcon, Progress, Text, Tooltip } from "@mantine/core";
import {
  IconAlertCircle,
  IconCircleCheck,
  IconDeviceDesktop,
  IconPlayerPause,
  IconPlayerPlay,
  IconRefresh,
  IconX,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { ConfirmDialog } from "@/shared/ui/ConfirmDialog";
import { uploadQueue } from "../hooks/uploads";
import { useVideo } from "../hooks/useVideos";
import { isFinal, mayPause, mayRetry, resumePoint, sentPercent, type UploadState } from "../upload/uploadMachine";
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
        {hasBar(state) && <SendProgress item={item} />}
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
  const isMoving = item.state.phase === "sending" || item.state.phase === "finishing";
  return (
    <div className={classes.progress}>
      <Progress.Root size={6} radius="xl" className={classes.bar} transitionDuration={200}>
        <Progress.Section
          value={percent}
          color={isMoving ? "brand" : "gray.5"}
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

function RowButtons({ item }: { item: UploadItem }) {
  const { t } = useTranslation();
  const { id, state } = item;
  return (
    <div className={classes.buttons}>
      {mayPause(state) && (
        <RowButton label={t("dock.pause")} testId="upload-pause" onClick={() => uploadQueue.pause(id)}>
          <IconPlayerPause size={18} />
        </RowButton>
      )}
      {state.phase === "paused" && (
        <RowButton label={t("dock.resume")} testId="upload-resume" onClick={() => uploadQueue.resume(id)}>
          <IconPlayerPlay size={18} />
        </RowButton>
      )}
      {mayRetry(state) && (
        <RowButton label={t("dock.retry")} testId="upload-retry" onClick={() => uploadQueue.retry(id)}>
          <IconRefresh size={18} />
        </RowButton>
      )}
      {isFinal(state) ? (
        <RowButton label={t("dock.dismiss")} testId="upload-dismiss" onClick={() => uploadQueue.dismiss(id)}>
          <IconX size={18} />
        </RowButton>
      ) : (
        <CancelButton item={item} />
      )}
    </div>
  );
}

/** Asks only where there is something to lose. */
function CancelButton({ item: { id, title, state } }: { item: UploadItem }) {
  const { t } = useTranslation();
  const [isAsking, setAsking] = useState(false);
  const resume = resumePoint(state);
  const isCostly = state.phase !== "elsewhere" && resume !== null && resume.storedBytes > 0;
  return (
    <>
      <RowButton
        label={t("dock.cancel")}
        testId="upload-cancel"
        onClick={() => (isCostly ? setAsking(true) : uploadQueue.cancel(id))}
      >
        <IconX size={18} />
      </RowButton>
      <ConfirmDialog
        isOpen={isAsking}
        testId="upload-cancel"
        title={t("dock.cancelTitle", { title })}
        text={t("dock.cancelText")}
        confirm={t("dock.cancelConfirm")}
        keep={t("dock.cancelKeep")}
        isDangerous
        onClose={() => setAsking(false)}
        onConfirm={() => uploadQueue.cancel(id)}
      />
    </>
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

function PhaseIcon({ state: { phase } }: { state: UploadState }) {
  if (phase === "done") return <IconCircleCheck size={22} className={classes.iconDone} aria-hidden />;
  if (phase === "failed") return <IconAlertCircle size={22} className={classes.iconFailed} aria-hidden />;
  if (phase === "paused") return <IconPlayerPause size={22} className={classes.iconQuiet} aria-hidden />;
  if (phase === "elsewhere") return <IconDeviceDesktop size={22} className={classes.iconQuiet} aria-hidden />;
  const isStill = phase === "queued" || phase === "cancelled";
  return <span className={classes.spinner} data-still={isStill || undefined} aria-hidden />;
}

function hasBar(state: UploadState): boolean {
  return !isFinal(state) && resumePoint(state) !== null;
}
