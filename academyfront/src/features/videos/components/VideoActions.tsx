import { Button, Group, Text } from "@mantine/core";
import { IconCloudCheck, IconDownload, IconPlayerStop, IconRefresh, IconTrash } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { assertNever } from "@/shared/assertNever";
import { isHttpProblem } from "@/shared/api/problem";
import { ConfirmedButton } from "@/shared/ui/ConfirmedButton";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import type { Video, VideoAction } from "../api/types";
import { isSending, useUploads } from "../hooks/uploads";
import { useOffers } from "../hooks/useOffers";
import { useVideoActions } from "../hooks/useVideos";
import { useDownload, useWhy } from "../hooks/useWhy";
import { ResumeButton } from "./ResumeButton";
import { rightAction } from "./rightAction";

const SHOWN_ACTIONS: readonly VideoAction[] = ["complete", "refresh_url", "retry", "cancel", "download", "delete"];

/** Buttons for what the server would accept now, and for nothing else. */
export function VideoActions({ video }: { video: Video }) {
  // The one that helps stands beside the reason (`WhyPanel`).
  const elsewhere = rightAction(useWhy(video).data);
  return (
    <Group gap="xs" mt="lg">
      {SHOWN_ACTIONS.map(
        (action) =>
          action !== elsewhere &&
          video.allowed_actions.includes(action) && <VideoActionButton key={action} video={video} action={action} />,
      )}
    </Group>
  );
}

interface VideoActionButtonProps {
  video: Video;
  action: VideoAction;
  isMain?: boolean;
}

export function VideoActionButton({ video, action, isMain = false }: VideoActionButtonProps) {
  const isOurs = isSending(useUploads(), video.id);
  switch (action) {
    case "complete":
      return isOurs ? null : <CompleteButton video={video} isMain={isMain} />;
    case "refresh_url":
      return isOurs ? null : <SendAgain video={video} />;
    case "retry":
      return <RetryButton video={video} isMain={isMain} />;
    case "cancel":
      return <CancelButton video={video} />;
    case "download":
      return <DownloadButton video={video} />;
    case "delete":
      return <DeleteButton video={video} />;
    case "play":
    case "update":
      // They have their place in the player and beside the title.
      return null;
    default:
      return assertNever(action);
  }
}

function DownloadButton({ video }: { video: Video }) {
  const { t } = useTranslation();
  const download = useDownload(video.id);
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={18} />}
      loading={download.isPending}
      data-testid="action-download"
      onClick={() => download.mutate(undefined, { onError: toastProblem })}
    >
      {t("video.actions.download")}
    </Button>
  );
}

function CompleteButton({ video, isMain }: { video: Video; isMain: boolean }) {
  const { t } = useTranslation();
  const { complete } = useVideoActions(video.id);
  return (
    <Button
      variant={isMain ? "filled" : "default"}
      leftSection={<IconCloudCheck size={18} />}
      loading={complete.isPending}
      data-testid="action-complete"
      onClick={() =>
        complete.mutate(undefined, {
          onSuccess: () => toastDone(t("video.done.complete")),
          onError: (error) =>
            isHttpProblem(error, "invalid_status") ? toastDone(t("video.done.complete")) : toastProblem(error),
        })
      }
    >
      {t("video.actions.complete")}
    </Button>
  );
}

/** Another tab may be sending it; then there is nothing to press here. */
function SendAgain({ video }: { video: Video }) {
  const { t } = useTranslation();
  const offer = useOffers().find((one) => one.video.id === video.id);
  if (offer?.isElsewhere === true) {
    return (
      <Text size="sm" c="var(--text-soft)" role="status">
        {t("dock.elsewhere")}
      </Text>
    );
  }
  return <ResumeButton variant="default" leftover={offer ?? { video, kept: null, storedBytes: 0 }} />;
}

function RetryButton({ video, isMain }: { video: Video; isMain: boolean }) {
  const { t } = useTranslation();
  const { retry } = useVideoActions(video.id);
  return (
    <Button
      variant={isMain ? "filled" : "default"}
      leftSection={<IconRefresh size={18} />}
      loading={retry.isPending}
      data-testid="action-retry"
      // A promise, because the button may be gone before the answer is there: the video has moved on by then.
      onClick={() => void retry.mutateAsync().then(() => toastDone(t("video.done.retry")), toastProblem)}
    >
      {t("video.actions.retry")}
    </Button>
  );
}

function CancelButton({ video }: { video: Video }) {
  const { t } = useTranslation();
  const { cancel } = useVideoActions(video.id);
  return (
    <ConfirmedButton
      testId="action-cancel"
      icon={<IconPlayerStop size={18} />}
      text={t("video.actions.cancel")}
      question={{
        title: t("video.cancelTitle"),
        text: t("video.cancelText"),
        confirm: t("video.cancelConfirm"),
      }}
      isPending={cancel.isPending}
      onConfirm={(close) =>
        cancel.mutate(undefined, {
          onSuccess: () => toastDone(t("video.done.cancel")),
          onError: toastProblem,
          onSettled: close,
        })
      }
    />
  );
}

function DeleteButton({ video }: { video: Video }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { remove } = useVideoActions(video.id);
  return (
    <ConfirmedButton
      testId="action-delete"
      isDangerous
      icon={<IconTrash size={18} />}
      text={t("video.actions.delete")}
      question={{
        title: t("video.deleteTitle"),
        text: t("video.deleteText", { title: video.title }),
        confirm: t("video.deleteConfirm"),
      }}
      isPending={remove.isPending}
      onConfirm={(close) =>
        remove.mutate(undefined, {
          onSuccess: () => {
            toastDone(t("video.done.delete"));
            void navigate("/", { replace: true });
          },
          onError: (error) => {
            close();
            toastProblem(error);
          },
        })
      }
    />
  );
}
