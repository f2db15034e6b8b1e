import { Suspense, lazy, useState } from "react";
import { IconAlertTriangle, IconClockPause, IconMovie, IconUpload } from "@tabler/icons-react";
import { formatClock } from "@/shared/i18n/format";
import type { Video, VideoStatus } from "../api/types";
import classes from "./VideoThumbnail.module.css";

const StoryboardPeek = lazy(() => import("./StoryboardPeek"));

const ICONS: Record<VideoStatus, typeof IconMovie> = {
  PENDING: IconUpload,
  UPLOADED: IconMovie,
  PROCESSING: IconMovie,
  READY: IconMovie,
  FAILED: IconAlertTriangle,
  EXPIRED: IconClockPause,
};

interface VideoThumbnailProps {
  video: Video;
  /** The part of the lecture, 0 to 1, that the pointer asks to see; null: none. */
  peekShare?: number | null;
  hidesLength?: boolean;
}

/** The preview picture, or a quiet stand-in for a video that has none yet. */
export function VideoThumbnail({ video, peekShare = null, hidesLength = false }: VideoThumbnailProps) {
  const [brokenUrl, setBrokenUrl] = useState<string | null>(null);
  const url = video.thumbnail_url;
  const Icon = ICONS[video.status];
  return (
    <div className={classes.frame} data-status={video.status}>
      {url !== null && url !== brokenUrl ? (
        <img className={classes.image} src={url} alt="" loading="lazy" onError={() => setBrokenUrl(url)} />
      ) : (
        <Icon className={classes.icon} size={34} stroke={1.4} aria-hidden />
      )}
      {peekShare !== null && video.status === "READY" && (
        <Suspense>
          <StoryboardPeek videoId={video.id} share={peekShare} />
        </Suspense>
      )}
      {video.duration_seconds !== null && !hidesLength && (
        <span className={classes.length}>{formatClock(video.duration_seconds)}</span>
      )}
    </div>
  );
}
