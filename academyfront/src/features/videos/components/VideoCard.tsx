import { memo } from "react";
import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import type { Video } from "../api/types";
import type { Selection } from "../hooks/useSelection";
import { EncodeProgress } from "./EncodeProgress";
import { SelectBox } from "./SelectBox";
import { StatusBadge } from "./StatusBadge";
import { usePeek } from "./usePeek";
import classes from "./VideoCard.module.css";
import { VideoThumbnail } from "./VideoThumbnail";

/** `selection` is null for those who may only watch. */
export const VideoCard = memo(function VideoCard({ video, selection }: { video: Video; selection: Selection | null }) {
  const { t } = useTranslation();
  const peek = usePeek();
  const isSelected = selection?.videos.has(video.id) === true;
  return (
    <article
      className={classes.card}
      data-testid="video-item"
      data-video-id={video.id}
      data-status={video.status}
      data-selected={isSelected || undefined}
      {...peek.handlers}
    >
      <div className={classes.thumbnail}>
        <VideoThumbnail video={video} peekShare={peek.share} />
      </div>
      <div className={classes.body}>
        <h2 className={classes.title}>
          <Link to={`/videos/${video.id}`} className={classes.link}>
            {video.title === "" ? t("video.untitled") : video.title}
          </Link>
        </h2>
        <Text className={classes.meta}>
          {video.session !== "" && <span>{video.session} · </span>}
          <RelativeTime iso={video.created_at} />
        </Text>
        <Group mt={10} gap="xs">
          <StatusBadge status={video.status} />
        </Group>
        {video.progress !== null && (
          <div className={classes.progress}>
            <EncodeProgress video={video} />
          </div>
        )}
        {video.status === "FAILED" && video.failure !== null && (
          <Text className={classes.failure} lineClamp={2}>
            {video.failure.detail}
          </Text>
        )}
      </div>
      {selection !== null && (
        <div className={classes.select} data-shown={selection.videos.size > 0 || undefined}>
          <SelectBox video={video} selection={selection} />
        </div>
      )}
    </article>
  );
});
