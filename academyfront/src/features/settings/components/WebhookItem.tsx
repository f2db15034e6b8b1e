import { useState, type ReactNode } from "react";
import { Alert, Badge, Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { toastProblem } from "@/shared/ui/toasts";
import { useWebhookActions, type IssuedWebhook, type Webhook } from "../api/webhooks";
import { EVENT_TYPES } from "./eventTypes";
import { WebhookForm } from "./WebhookForm";
import classes from "./WebhookItem.module.css";
import { WebhookLog } from "./WebhookLog";
import { WebhookMenu } from "./WebhookMenu";

interface WebhookItemProps {
  webhook: Webhook;
  onIssued: (issued: IssuedWebhook) => void;
}

export function WebhookItem({ webhook, onIssued }: WebhookItemProps) {
  const { t } = useTranslation();
  const [isEditing, setEditing] = useState(false);
  const [isLogOpen, log] = useDisclosure(false);
  const { change, test } = useWebhookActions();
  return (
    <li className={classes.item} data-testid="webhook-item" data-enabled={webhook.is_enabled}>
      {isEditing ? (
        <WebhookForm
          initial={webhook}
          submit={t("webhooks.save")}
          isPending={change.isPending}
          onCancel={() => setEditing(false)}
          onSubmit={(fields, onError) =>
            change.mutate({ id: webhook.id, ...fields }, { onSuccess: () => setEditing(false), onError })
          }
        />
      ) : (
        <Heading
          webhook={webhook}
          menu={<WebhookMenu webhook={webhook} onIssued={onIssued} onEdit={() => setEditing(true)} />}
        />
      )}
      {webhook.disabled_reason !== null && (
        <Alert color={webhook.disabled_reason === "owner" ? "gray" : "red"} py={6} mt="xs" data-testid="webhook-reason">
          {t(`webhooks.reason.${webhook.disabled_reason}`)}
        </Alert>
      )}
      <Group gap="xs" mt="sm">
        <Button
          size="xs"
          variant="default"
          loading={test.isPending}
          data-testid="webhook-test"
          onClick={() => test.mutate(webhook.id, { onSuccess: log.open, onError: toastProblem })}
        >
          {t("webhooks.test")}
        </Button>
        <Button
          size="xs"
          variant="default"
          aria-expanded={isLogOpen}
          onClick={log.toggle}
          data-testid="webhook-log-toggle"
        >
          {t("webhooks.log")}
        </Button>
        <Button
          size="xs"
          variant="default"
          loading={change.isPending}
          data-testid="webhook-switch"
          onClick={() =>
            change.mutate({ id: webhook.id, is_enabled: !webhook.is_enabled }, { onError: toastProblem })
          }
        >
          {webhook.is_enabled ? t("webhooks.disable") : t("webhooks.enable")}
        </Button>
      </Group>
      {isLogOpen && <WebhookLog webhook={webhook} />}
    </li>
  );
}

function Heading({ webhook, menu }: { webhook: Webhook; menu: ReactNode }) {
  const { t } = useTranslation();
  const events =
    webhook.event_types.length === 0
      ? t("webhooks.allEvents")
      : EVENT_TYPES.filter((name) => webhook.event_types.includes(name))
          .map((name) => t(`timeline.event.${name}`))
          .join(", ");
  return (
    <>
      <Group gap="xs" wrap="nowrap" align="start" justify="space-between">
        <Text className={classes.url}>{webhook.url}</Text>
        <Group gap="xs" wrap="nowrap" className={classes.badge}>
          <Badge variant="light" color={webhook.is_enabled ? "teal" : "gray"} c="var(--mantine-color-text)">
            {webhook.is_enabled ? t("webhooks.on") : t("webhooks.off")}
          </Badge>
          {menu}
        </Group>
      </Group>
      <Text size="sm" c="var(--text-soft)">
        {events}
        {webhook.waiting > 0 && ` · ${t("webhooks.waiting", { count: webhook.waiting })}`}
      </Text>
    </>
  );
}
