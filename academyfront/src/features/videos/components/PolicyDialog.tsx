import { useState, type SubmitEvent } from "react";
import { Button, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/shared/ui/Dialog";
import type { PlaybackPolicy, Video } from "../api/types";
import { PolicyFields } from "./PolicyFields";
import { sharedPolicy } from "./policyWords";

interface PolicyDialogProps {
  videos: readonly Video[];
  isPending: boolean;
  onSet: (policy: PlaybackPolicy) => void;
  onClose: () => void;
}

/** Asks for the rules that all marked videos get. */
export function PolicyDialog({ videos, isPending, onSet, onClose }: PolicyDialogProps) {
  const { t } = useTranslation();
  const [policy, setPolicy] = useState(() => sharedPolicy(videos.map((video) => video.policy)));
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    onSet(policy);
  };
  return (
    <Dialog onClose={onClose} title={t("library.bulk.policyTitle", { count: videos.length })}>
      <form onSubmit={submit}>
        <Text size="sm" c="var(--text-soft)" mb="md">
          {t("policy.hint")}
        </Text>
        <PolicyFields policy={policy} onChange={setPolicy} />
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={onClose}>
            {t("video.keep")}
          </Button>
          <Button type="submit" loading={isPending} data-testid="bulk-policy-confirm">
            {t("video.save")}
          </Button>
        </Group>
      </form>
    </Dialog>
  );
}
