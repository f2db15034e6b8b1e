import { useState, type SubmitEvent } from "react";
import { Button, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/shared/ui/Dialog";
import { DialogActions } from "@/shared/ui/DialogActions";
import type { PlaybackPolicy, Video } from "../api/types";
import { PolicyFields } from "./PolicyFields";
import { NO_RULES, sharedPolicy } from "./policyWords";

interface PolicyDialogProps {
  videos: readonly Video[];
  isPending: boolean;
  onSet: (policy: PlaybackPolicy) => void;
  onClose: () => void;
}

/** Asks for the rules that all marked videos get. */
export function PolicyDialog({ videos, isPending, onSet, onClose }: PolicyDialogProps) {
  const { t } = useTranslation();
  const [shared] = useState(() => sharedPolicy(videos.map((video) => video.policy)));
  const [policy, setPolicy] = useState(shared ?? NO_RULES);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    onSet(policy);
  };
  return (
    <Dialog onClose={onClose} title={t("library.bulk.policyTitle", { count: videos.length })}>
      <form onSubmit={submit}>
        <Text size="sm" c="var(--text-soft)" mb="md">
          {shared === null ? t("library.bulk.policyDiffers") : t("policy.hint")}
        </Text>
        <PolicyFields policy={policy} onChange={setPolicy} />
        <DialogActions onClose={onClose}>
          <Button type="submit" loading={isPending} data-testid="bulk-policy-confirm">
            {t("video.save")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
