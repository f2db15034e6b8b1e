import { Table } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { formatBytes, formatClock } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import type { Video } from "../api/types";
import { EncodeProgress } from "./EncodeProgress";
import { StatusBadge } from "./StatusBadge";
import classes from "./VideoRows.module.css";
import { VideoThumbnail } from "./VideoThumbnail";

export function VideoRows({ videos }: { videos: readonly Video[] }) {
  const { t } = useTranslation();
  return (
    <div className={classes.frame}>
      <Table verticalSpacing="sm" horizontalSpacing="md" className={classes.table}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("library.columns.video")}</Table.Th>
            <Table.Th w={210}>{t("library.columns.status")}</Table.Th>
            <Table.Th w={90}>{t("library.columns.length")}</Table.Th>
            <Table.Th w={100}>{t("library.columns.size")}</Table.Th>
            <Table.Th w={120}>{t("library.columns.created")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {videos.map((video) => (
            <VideoRow key={video.id} video={video} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function VideoRow({ video }: { video: Video }) {
  const { t } = useTranslation();
  const language = useLanguage();
  return (
    <Table.Tr className={classes.row} data-testid="video-item" data-video-id={video.id} data-status={video.status}>
      <Table.Td>
        <div className={classes.video}>
          <div className={classes.thumbnail}>
            <VideoThumbnail video={{ ...video, duration_seconds: null }} />
          </div>
          <div className={classes.words}>
            <Link to={`/videos/${video.id}`} className={classes.link}>
              {video.title === "" ? t("video.untitled") : video.title}
            </Link>
            {video.session !== "" && <div className={classes.session}>{video.session}</div>}
          </div>
        </div>
      </Table.Td>
      <Table.Td>
        <StatusBadge status={video.status} />
        {video.progress !== null && (
          <div className={classes.progress}>
            <EncodeProgress video={video} />
          </div>
        )}
      </Table.Td>
      <Table.Td className={classes.number}>
        {video.duration_seconds === null ? "–" : formatClock(video.duration_seconds)}
      </Table.Td>
      <Table.Td className={classes.number}>{formatBytes(video.size_bytes, language)}</Table.Td>
      <Table.Td className={classes.number}>
        <RelativeTime iso={video.created_at} />
      </Table.Td>
    </Table.Tr>
  );
}
