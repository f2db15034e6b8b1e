import { useState } from "react";
import { Button, NumberInput, Radio, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/shared/ui/Dialog";
import { DialogActions } from "@/shared/ui/DialogActions";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import { useWebhookActions, type Webhook } from "../api/webhooks";

const FROM = ["position", "all", "now"] as const;
type From = (typeof FROM)[number];

export function WebhookReplayDialog({ webhook, onClose }: { webhook: Webhook; onClose: () => void }) {
  const { t } = useTranslation();
  const { replay } = useWebhookActions();
  const [from, setFrom] = useState<From>("position");
  const [position, setPosition] = useState<number | string>("");
  // Beyond the end of every feed, which the server takes for its end.
  const after = { all: 0, position: Number(position), now: Number.MAX_SAFE_INTEGER }[from];
  const start = () =>
    replay.mutate(
      { id: webhook.id, after },
      {
        onSuccess: () => {
          toastDone(t("webhooks.replayed"));
          onClose();
        },
        onError: toastProblem,
      },
    );
  return (
    <Dialog onClose={onClose} title={t("webhooks.replayTitle")}>
      <Stack gap="sm">
        <Text c="var(--text-soft)">{t("webhooks.replayText")}</Text>
        <Radio.Group
          aria-label={t("webhooks.replayFrom")}
          value={from}
          onChange={(chosen) => setFrom(FROM.find((known) => known === chosen) ?? "position")}
        >
          <Stack gap="xs">
            {FROM.map((known) => (
              <Radio key={known} value={known} label={t(`webhooks.from.${known}`)} data-testid={`replay-${known}`} />
            ))}
          </Stack>
        </Radio.Group>
        {from === "position" && (
          <NumberInput
            label={t("webhooks.position")}
            description={t("webhooks.positionHint", { cursor: webhook.cursor })}
            value={position}
            min={0}
            allowDecimal={false}
            allowNegative={false}
            hideControls
            onChange={setPosition}
          />
        )}
        <DialogActions onClose={onClose} keep={t("webhooks.cancel")} isKeepFocused>
          <Button
            loading={replay.isPending}
            disabled={from === "position" && position === ""}
            onClick={start}
            data-testid="webhook-replay-confirm"
          >
            {t("webhooks.replay")}
          </Button>
        </DialogActions>
      </Stack>
    </Dialog>
  );
}
