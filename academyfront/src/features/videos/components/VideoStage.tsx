import { Suspense, lazy, type ReactNode } from "react";
import { Loader, Progress } from "@mantine/core";
import {
  IconAlertTriangle,
  IconClockPause,
  IconHourglassEmpty,
  IconMovie,
  IconPlayerPlay,
  IconUpload,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { assertNever } from "@/shared/assertNever";
import { formatClock } from "@/shared/i18n/format";
import type { Video } from "../api/types";
import { useUploads } from "../hooks/uploads";
import { isUnfinished, resumePoint, sentPercent } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";
import { EncodeProgress } from "./EncodeProgress";
import { useUploadWords } from "./uploadWords";
import classes from "./VideoStage.module.css";

const Player = lazy(() => import("./player/Player"));

/** The place of the picture: the player, or why there is none yet. */
export function VideoStage({ video }: { video: Video }) {
  const { t } = useTranslation();
  if (video.playable) return <PlayableStage video={video} />;
  switch (video.status) {
    case "READY":
      return <PlayableStage video={video} />;
    case "PROCESSING":
      return (
        <StagePanel icon={<IconMovie size={34} />} title={t("video.processingTitle")} text={t("video.processingText")}>
          <EncodeProgress video={video} />
        </StagePanel>
      );
    case "UPLOADED":
      return (
        <StagePanel
          icon={<IconHourglassEmpty size={34} />}
          title={t("video.uploadedTitle")}
          text={t("video.uploadedText")}
        />
      );
    case "PENDING":
      return <PendingStage video={video} />;
    case "EXPIRED":
      return (
        <StagePanel icon={<IconClockPause size={34} />} title={t("video.expiredTitle")} text={t("video.expiredText")} />
      );
    case "FAILED":
      return <FailedStage video={video} />;
    default:
      return assertNever(video.status);
  }
}

/** The player; while the encode goes on, it says how far one can watch. It stays when the rest arrives. */
function PlayableStage({ video }: { video: Video }) {
  const { t } = useTranslation();
  const until = video.status === "READY" ? null : video.playable_until_seconds;
  return (
    <>
      <Suspense fallback={<PlayerLoading />}>
        <Player key={video.id} videoId={video.id} title={video.title} posterUrl={video.thumbnail_url} />
      </Suspense>
      {until !== null && (
        <div className={classes.partial} data-testid="playable-until">
          <IconPlayerPlay size={18} aria-hidden />
          <span>{t("video.playableUntil", { clock: formatClock(until) })}</span>
          <div className={classes.partialProgress}>
            <EncodeProgress video={video} />
          </div>
        </div>
      )}
    </>
  );
}

function PendingStage({ video }: { video: Video }) {
  const { t } = useTranslation();
  const running = useUploads().find(
    (item) => isUnfinished(item.state) && resumePoint(item.state)?.videoId === video.id,
  );
  if (running !== undefined) return <SendingStage item={running} />;
  return <StagePanel icon={<IconUpload size={34} />} title={t("video.pendingTitle")} text={t("video.pendingText")} />;
}

function SendingStage({ item }: { item: UploadItem }) {
  const { t } = useTranslation();
  const words = useUploadWords();
  return (
    <StagePanel icon={<IconUpload size={34} />} title={t("video.pendingSending")} text={words(item)}>
      <Progress.Root size={6} radius="xl">
        <Progress.Section
          value={sentPercent(item.state, item.file.size)}
          aria-label={t("dock.progressOf", { title: item.title })}
        />
      </Progress.Root>
    </StagePanel>
  );
}

/** The reason and what helps stand below, see `WhyPanel`. */
function FailedStage({ video: { failure } }: { video: Video }) {
  const { t } = useTranslation();
  return (
    <StagePanel
      tone="alarm"
      icon={<IconAlertTriangle size={34} />}
      title={t("video.failedTitle")}
      text={failure === null ? t("video.failedUnknown") : t("video.failedText")}
      note={failure === null ? undefined : t("video.causeCode", { code: failure.code })}
    />
  );
}

function PlayerLoading() {
  const { t } = useTranslation();
  return (
    <div className={classes.loading} role="status" aria-label={t("player.loading")}>
      <Loader color="gray" />
    </div>
  );
}

interface StagePanelProps {
  icon: ReactNode;
  title: string;
  text: string;
  note?: string | undefined;
  tone?: "calm" | "alarm";
  children?: ReactNode;
}

function StagePanel({ icon, title, text, note, tone = "calm", children }: StagePanelProps) {
  return (
    <div className={classes.panel} data-tone={tone} data-testid="video-stage">
      <div className={classes.icon} aria-hidden>
        {icon}
      </div>
      <h2 className={classes.title}>{title}</h2>
      <p className={classes.text}>{text}</p>
      {children !== undefined && <div className={classes.extra}>{children}</div>}
      {note !== undefined && <p className={classes.note}>{note}</p>}
    </div>
  );
}
