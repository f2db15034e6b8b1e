import { useState, type SubmitEvent } from "react";
import { ActionIcon, Button, Stack, Text, TextInput, Title, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPencil } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/shared/ui/Dialog";
import { DialogActions } from "@/shared/ui/DialogActions";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import type { Video } from "../api/types";
import { useVideoActions } from "../hooks/useVideos";
import { TITLE_MAX_LENGTH } from "../upload/fileCheck";
import { PolicyFields } from "./PolicyFields";
import classes from "./VideoHeading.module.css";

export function VideoHeading({ video }: { video: Video }) {
  const { t } = useTranslation();
  const [isOpen, dialog] = useDisclosure(false);
  return (
    <div className={classes.root}>
      <Title order={1} className={classes.title} data-testid="video-title">
        {video.title === "" ? t("video.untitled") : video.title}
      </Title>
      {video.allowed_actions.includes("update") && (
        <Tooltip label={t("video.edit")}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size={34}
            aria-label={t("video.edit")}
            onClick={dialog.open}
            data-testid="edit-video"
          >
            <IconPencil size={19} />
          </ActionIcon>
        </Tooltip>
      )}
      <Dialog isOpen={isOpen} onClose={dialog.close} title={t("video.edit")}>
        <EditForm video={video} onDone={dialog.close} />
      </Dialog>
    </div>
  );
}

function EditForm({ video, onDone }: { video: Video; onDone: () => void }) {
  const { t } = useTranslation();
  const { update } = useVideoActions(video.id);
  const [title, setTitle] = useState(video.title);
  const [policy, setPolicy] = useState(video.policy);
  const isEmpty = title.trim() === "";
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isEmpty) return;
    update.mutate(
      { title: title.trim(), policy },
      {
        onSuccess: () => {
          toastDone(t("video.done.update"));
          onDone();
        },
        onError: toastProblem,
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput
          data-autofocus
          label={t("video.editTitle")}
          value={title}
          maxLength={TITLE_MAX_LENGTH}
          error={isEmpty ? t("video.titleRequired") : undefined}
          onChange={(event) => setTitle(event.currentTarget.value)}
          data-testid="edit-title"
        />
        <div>
          <Text fw={600} size="sm">
            {t("policy.title")}
          </Text>
          <Text size="sm" c="var(--text-soft)" mb="sm">
            {t("policy.hint")}
          </Text>
          <PolicyFields policy={policy} onChange={setPolicy} />
        </div>
        <DialogActions onClose={onDone} keep={t("app.close")}>
          <Button type="submit" loading={update.isPending} disabled={isEmpty} data-testid="edit-save">
            {t("video.save")}
          </Button>
        </DialogActions>
      </Stack>
    </form>
  );
}
