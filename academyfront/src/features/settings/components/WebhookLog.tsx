import { useState } from "react";
import { Button, Code, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { formatDateTime } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { Loaded } from "@/shared/ui/Panel";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { useDeliveries, type Attempt, type Delivery, type Webhook } from "../api/webhooks";
import { asEventType } from "./eventTypes";
import classes from "./WebhookItem.module.css";
import { asFault } from "@/shared/ui/webhookWords";

/** What was sent, what came back, and what waits; the newest first. */
export function WebhookLog({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  const [before, setBefore] = useState<number | undefined>(undefined);
  return (
    <Loaded query={useDeliveries(webhook.id, before)}>
      {({ results, next_before: next }) => (
        <>
          {results.length === 0 ? (
            <Text size="sm" mt="sm" c="var(--text-soft)">
              {t("webhooks.logEmpty")}
            </Text>
          ) : (
            <ol className={classes.log} data-testid="webhook-log">
              {results.map((delivery) => (
                <DeliveryRow key={delivery.id} delivery={delivery} />
              ))}
            </ol>
          )}
          <Group gap="xs">
            {before !== undefined && (
              <Button size="xs" variant="subtle" onClick={() => setBefore(undefined)}>
                {t("webhooks.newest")}
              </Button>
            )}
            {next !== null && (
              <Button size="xs" variant="subtle" onClick={() => setBefore(next)}>
                {t("webhooks.older")}
              </Button>
            )}
          </Group>
        </>
      )}
    </Loaded>
  );
}

function DeliveryRow({ delivery }: { delivery: Delivery }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const known = asEventType(delivery.event_type);
  const latest = delivery.attempts.at(-1);
  return (
    <li className={classes.delivery} data-testid="webhook-delivery" data-state={delivery.state}>
      <Group gap="xs" justify="space-between">
        <Text size="sm">
          <strong>{t(`webhooks.state.${delivery.state}`)}</strong>{" "}
          {known === null ? t("webhooks.testEvent") : t(`timeline.event.${known}`)}
          {delivery.position !== null && ` · ${t("webhooks.positionOf", { position: delivery.position })}`}
        </Text>
        <Text size="sm" c="var(--text-soft)" title={formatDateTime(delivery.created_at, language)}>
          <RelativeTime iso={delivery.finished_at ?? delivery.created_at} />
        </Text>
      </Group>
      {latest !== undefined && <AttemptLine attempt={latest} />}
      {delivery.next_attempt_at !== null && latest !== undefined && (
        <Text className={classes.attempt} c="var(--text-soft)">
          {t("webhooks.next", { time: formatDateTime(delivery.next_attempt_at, language) })}
        </Text>
      )}
    </li>
  );
}

function AttemptLine({ attempt }: { attempt: Attempt }) {
  const { t } = useTranslation();
  return (
    <div className={classes.attempt} data-testid="webhook-attempt">
      {t("webhooks.attempt", { count: attempt.attempt })}
      {" · "}
      {attempt.status === null
        ? t(`webhooks.fault.${asFault(attempt.fault)}`)
        : t("webhooks.answered", { status: attempt.status })}
      {" · "}
      {t("webhooks.took", { milliseconds: attempt.milliseconds })}
      {attempt.answer !== "" && (
        <Code className={classes.answer} data-testid="webhook-answer">
          {attempt.answer}
        </Code>
      )}
    </div>
  );
}
