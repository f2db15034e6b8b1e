import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { formatBytes, formatClock } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import type { Video } from "../api/types";
import type { Selection } from "../hooks/useSelection";
import { EncodeProgress } from "./EncodeProgress";
import { SelectBox } from "./SelectBox";
import { StatusBadge } from "./StatusBadge";
import { usePeek } from "./usePeek";
import classes from "./VideoRow.module.css";
import { VideoThumbnail } from "./VideoThumbnail";

interface VideoRowProps {
  video: Video;
  selection: Selection | null;
  /** Where the row is held to be dragged. */
  handle?: ReactNode;
}

export const VideoRow = memo(function VideoRow({ video, selection, handle }: VideoRowProps) {
  const { t } = useTranslation();
  const language = useLanguage();
  const peek = usePeek();
  const isSelected = selection?.videos.has(video.id) === true;
  return (
    <article
      className={classes.row}
      data-testid="video-item"
      data-video-id={video.id}
      data-status={video.status}
      data-selected={isSelected || undefined}
    >
      <div className={classes.tools}>
        {handle}
        {selection !== null && <SelectBox video={video} selection={selection} />}
      </div>
      <div className={classes.thumbnail} {...peek.handlers}>
        <VideoThumbnail video={video} peekShare={peek.share} hidesLength />
      </div>
      <div className={classes.words}>
        <Link to={`/videos/${video.id}`} className={classes.link}>
          {video.title === "" ? t("video.untitled") : video.title}
        </Link>
        {video.session !== "" && <div className={classes.session}>{video.session}</div>}
      </div>
      <div className={classes.status}>
        <StatusBadge status={video.status} />
        {video.progress !== null && <EncodeProgress video={video} />}
      </div>
      <div className={classes.number}>{video.duration_seconds === null ? "–" : formatClock(video.duration_seconds)}</div>
      <div className={classes.number}>{formatBytes(video.size_bytes, language)}</div>
      <div className={classes.number}>
        <RelativeTime iso={video.created_at} />
      </div>
    </article>
  );
});
