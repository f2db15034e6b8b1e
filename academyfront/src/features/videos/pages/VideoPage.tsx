import { Alert, Anchor, Center, Loader, Text } from "@mantine/core";
import { IconArrowLeft, IconRefresh } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { ProblemView } from "@/shared/ui/ProblemView";
import { HttpProblem } from "@/shared/api/problem";
import { StatusBadge } from "../components/StatusBadge";
import { VideoActions } from "../components/VideoActions";
import { VideoDetails } from "../components/VideoDetails";
import { VideoHeading } from "../components/VideoHeading";
import { VideoStage } from "../components/VideoStage";
import { VideoTimeline } from "../components/VideoTimeline";
import { WhyPanel } from "../components/WhyPanel";
import { useVideo } from "../hooks/useVideos";
import classes from "./VideoPage.module.css";

export default function VideoPage() {
  const { t } = useTranslation();
  const { videoId } = useParams();
  const id = Number(videoId);
  if (!Number.isSafeInteger(id) || id <= 0) return <ProblemView isWholePage error={notFound} onRetry={() => undefined} />;
  return (
    <>
      <Anchor component={Link} to="/" className={classes.back}>
        <IconArrowLeft size={17} aria-hidden />
        {t("problem.backToLibrary")}
      </Anchor>
      <VideoContent key={id} id={id} />
    </>
  );
}

function VideoContent({ id }: { id: number }) {
  const { t } = useTranslation();
  const query = useVideo(id);
  if (query.isPending) {
    return (
      <Center mih="50dvh" role="status" aria-label={t("app.loading")}>
        <Loader type="dots" />
      </Center>
    );
  }
  if (query.data === undefined) return <ProblemView isWholePage error={query.error} onRetry={() => void query.refetch()} />;
  const video = query.data;
  return (
    <div className={classes.columns} data-testid="video-page" data-status={video.status}>
      <div className={classes.primary}>
        <VideoStage video={video} />
        {video.status === "READY" && video.progress !== null && (
          <Alert icon={<IconRefresh />} mt="md">
            {t("video.reencoding")}
          </Alert>
        )}
        <VideoHeading video={video} />
        <div className={classes.status} aria-live="polite">
          <StatusBadge status={video.status} />
          <Text size="sm" c="var(--text-soft)">
            {video.session === "" ? t("video.noSession") : video.session}
          </Text>
        </div>
        <WhyPanel video={video} />
        <VideoActions video={video} />
      </div>
      <aside className={classes.side}>
        <VideoDetails video={video} />
        <VideoTimeline video={video} />
      </aside>
    </div>
  );
}

const notFound = new HttpProblem({
  status: 404,
  code: "not_found",
  detail: "",
  hint: "",
  requestId: null,
  fields: {},
  retryAfterSeconds: null,
  body: null,
});
