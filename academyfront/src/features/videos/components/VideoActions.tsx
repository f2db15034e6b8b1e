import { useRef, useState } from "react";
import { Button, Group, Modal, Text } from "@mantine/core";
import { IconCloudCheck, IconPlayerStop, IconRefresh, IconTrash, IconUpload } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { isHttpProblem } from "@/shared/api/problem";
import { formatBytes } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import type { Video, VideoAction } from "../api/types";
import { uploadQueue, useUploads } from "../hooks/uploads";
import { useVideoActions } from "../hooks/useVideos";
import { FILE_INPUT_ACCEPT } from "../upload/fileCheck";
import { isUnfinished, resumePoint } from "../upload/uploadMachine";

/** Buttons for what the server would accept now, and for nothing else. */
export function VideoActions({ video }: { video: Video }) {
  const may = (action: VideoAction) => video.allowed_actions.includes(action);
  const isSending = useUploads().some(
    ({ state }) => isUnfinished(state) && resumePoint(state)?.videoId === video.id,
  );
  const isUnwatchable = video.status === "FAILED";
  return (
    <Group gap="xs" mt="lg">
      {may("complete") && !isSending && <CompleteButton video={video} />}
      {may("refresh_url") && !isSending && <SendAgainButton video={video} />}
      {may("retry") && <RetryButton video={video} isMain={isUnwatchable} />}
      {may("cancel") && <CancelButton video={video} />}
      {may("delete") && <DeleteButton video={video} />}
    </Group>
  );
}

function CompleteButton({ video }: { video: Video }) {
  const { t } = useTranslation();
  const { complete } = useVideoActions(video.id);
  return (
    <Button
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

function SendAgainButton({ video }: { video: Video }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const input = useRef<HTMLInputElement>(null);
  const [isOther, setOther] = useState(false);
  const send = (file: File | undefined) => {
    if (file === undefined) return;
    const isSame = file.size === video.size_bytes;
    setOther(!isSame);
    if (!isSame) return;
    const { title, session } = video;
    uploadQueue.add([{ file, title, session, resume: { videoId: video.id, sent: false } }]);
  };
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconUpload size={18} />}
        data-testid="action-refresh_url"
        onClick={() => input.current?.click()}
      >
        {t("video.actions.refresh_url")}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        accept={FILE_INPUT_ACCEPT}
        aria-label={t("video.actions.refresh_url")}
        onChange={(event) => {
          send(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
      {isOther && (
        <Text role="alert" size="sm" c="red" w="100%">
          {t("video.otherFile", { name: video.filename, size: formatBytes(video.size_bytes, language) })}
        </Text>
      )}
    </>
  );
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
      onClick={() =>
        retry.mutate(undefined, { onSuccess: () => toastDone(t("video.done.retry")), onError: toastProblem })
      }
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
      label={t("video.actions.cancel")}
      title={t("video.cancelTitle")}
      text={t("video.cancelText")}
      confirm={t("video.cancelConfirm")}
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
      label={t("video.actions.delete")}
      title={t("video.deleteTitle")}
      text={t("video.deleteText", { title: video.title })}
      confirm={t("video.deleteConfirm")}
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

interface ConfirmedButtonProps {
  testId: string;
  icon: React.ReactNode;
  label: string;
  title: string;
  text: string;
  confirm: string;
  isPending: boolean;
  isDangerous?: boolean;
  onConfirm: (close: () => void) => void;
}

function ConfirmedButton(props: ConfirmedButtonProps) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const close = () => setOpen(false);
  return (
    <>
      <Button
        variant="default"
        leftSection={props.icon}
        data-testid={props.testId}
        {...(props.isDangerous === true ? { c: "light-dark(#b3261e, #ffaaa3)" } : {})}
        onClick={() => setOpen(true)}
      >
        {props.label}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={props.title}
        centered
        closeButtonProps={{ "aria-label": t("video.close") }}
      >
        <Text c="var(--text-soft)">{props.text}</Text>
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={close} data-autofocus>
            {t("video.keep")}
          </Button>
          <Button
            color={props.isDangerous === true ? "red.8" : "brand"}
            loading={props.isPending}
            data-testid={`${props.testId}-confirm`}
            onClick={() => props.onConfirm(close)}
          >
            {props.confirm}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
