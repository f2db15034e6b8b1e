import { useState } from "react";
import { IconAlertTriangle, IconClockPause, IconMovie, IconUpload } from "@tabler/icons-react";
import { formatClock } from "@/shared/i18n/format";
import type { Video, VideoStatus } from "../api/types";
import classes from "./VideoThumbnail.module.css";

const ICONS: Record<VideoStatus, typeof IconMovie> = {
  PENDING: IconUpload,
  UPLOADED: IconMovie,
  PROCESSING: IconMovie,
  READY: IconMovie,
  FAILED: IconAlertTriangle,
  EXPIRED: IconClockPause,
};

/** The preview picture, or a quiet stand-in for a video that has none yet. */
export function VideoThumbnail({ video }: { video: Video }) {
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
      {video.duration_seconds !== null && (
        <span className={classes.length}>{formatClock(video.duration_seconds)}</span>
      )}
    </div>
  );
}
