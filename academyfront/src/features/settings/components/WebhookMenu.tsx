import { useState } from "react";
import { ActionIcon, Menu } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { ConfirmDialog } from "@/shared/ui/ConfirmDialog";
import { toastDone, toastProblem } from "@/shared/ui/toasts";
import { useWebhookActions, type IssuedWebhook, type Webhook } from "../api/webhooks";
import { WebhookReplayDialog } from "./WebhookReplayDialog";

interface WebhookMenuProps {
  webhook: Webhook;
  onIssued: (issued: IssuedWebhook) => void;
  onEdit: () => void;
}

/** What is done rarely, each after a question but for the change of its fields. */
export function WebhookMenu({ webhook, onIssued, onEdit }: WebhookMenuProps) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<"rotate" | "replay" | "remove" | null>(null);
  const { rotate, remove } = useWebhookActions();
  const close = () => setAsked(null);
  const onError = (error: unknown) => {
    close();
    toastProblem(error);
  };
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon
            variant="default"
            size={30}
            aria-label={t("webhooks.more", { url: webhook.url })}
            data-testid="webhook-more"
          >
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={onEdit}>{t("webhooks.edit")}</Menu.Item>
          <Menu.Item onClick={() => setAsked("replay")} data-testid="webhook-replay">
            {t("webhooks.replay")}
          </Menu.Item>
          <Menu.Item onClick={() => setAsked("rotate")} data-testid="webhook-rotate">
            {t("webhooks.rotate")}
          </Menu.Item>
          <Menu.Item c="var(--danger)" onClick={() => setAsked("remove")} data-testid="webhook-remove">
            {t("webhooks.remove")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ConfirmDialog
        isOpen={asked === "rotate"}
        title={t("webhooks.rotateTitle")}
        text={t("webhooks.rotateText")}
        confirm={t("webhooks.rotate")}
        keep={t("webhooks.cancel")}
        testId="webhook-rotate"
        isPending={rotate.isPending}
        onClose={close}
        onConfirm={() =>
          rotate.mutate(webhook.id, {
            onSuccess: (issued) => {
              close();
              onIssued(issued);
            },
            onError,
          })
        }
      />
      <ConfirmDialog
        isOpen={asked === "remove"}
        isDangerous
        title={t("webhooks.removeTitle")}
        text={t("webhooks.removeText", { url: webhook.url })}
        confirm={t("webhooks.remove")}
        keep={t("webhooks.cancel")}
        testId="webhook-remove"
        isPending={remove.isPending}
        onClose={close}
        // A promise, because this menu is gone with its webhook before all answers are there.
        onConfirm={() => void remove.mutateAsync(webhook.id).then(() => toastDone(t("webhooks.removed")), onError)}
      />
      {asked === "replay" && <WebhookReplayDialog webhook={webhook} onClose={close} />}
    </>
  );
}
