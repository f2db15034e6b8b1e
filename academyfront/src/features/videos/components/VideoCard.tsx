import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import type { Video } from "../api/types";
import { EncodeProgress } from "./EncodeProgress";
import { StatusBadge } from "./StatusBadge";
import classes from "./VideoCard.module.css";
import { VideoThumbnail } from "./VideoThumbnail";

export function VideoCard({ video }: { video: Video }) {
  const { t } = useTranslation();
  return (
    <article className={classes.card} data-testid="video-item" data-video-id={video.id} data-status={video.status}>
      <div className={classes.thumbnail}>
        <VideoThumbnail video={video} />
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
    </article>
  );
}
