import { useState, type SubmitEvent } from "react";
import { Button, Group, MultiSelect, Stack, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { isHttpProblem } from "@/shared/api/problem";
import { toastProblem } from "@/shared/ui/toasts";
import type { EventType } from "../api/webhooks";
import { EVENT_TYPES } from "./eventTypes";

export interface WebhookFields {
  url: string;
  event_types: EventType[];
}

interface WebhookFormProps {
  initial: WebhookFields;
  submit: string;
  isPending: boolean;
  onSubmit: (fields: WebhookFields, onError: (error: unknown) => void) => void;
  onCancel: () => void;
}

/** Where to send what: of a new webhook, or of one that is there. */
export function WebhookForm({ initial, submit, isPending, onSubmit, onCancel }: WebhookFormProps) {
  const { t } = useTranslation();
  const [url, setUrl] = useState(initial.url);
  const [eventTypes, setEventTypes] = useState(initial.event_types);
  const [refused, setRefused] = useState<string | null>(null);
  const send = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    setRefused(null);
    onSubmit({ url: url.trim(), event_types: eventTypes }, (error) => {
      if (isHttpProblem(error, "webhook_url_refused")) setRefused(`${error.facts.detail} ${error.facts.hint}`);
      else toastProblem(error);
    });
  };
  return (
    <form onSubmit={send}>
      <Stack gap="sm" mb="md">
        <TextInput
          required
          type="url"
          label={t("webhooks.url")}
          placeholder={t("webhooks.urlExample")}
          value={url}
          maxLength={2000}
          error={refused}
          onChange={({ currentTarget }) => setUrl(currentTarget.value)}
          data-testid="webhook-url"
        />
        <MultiSelect
          label={t("webhooks.events")}
          description={t("webhooks.eventsHint")}
          placeholder={eventTypes.length === 0 ? t("webhooks.allEvents") : ""}
          data={EVENT_TYPES.map((name) => ({ value: name, label: t(`timeline.event.${name}`) }))}
          value={eventTypes}
          searchable
          clearable
          clearButtonProps={{ "aria-label": t("webhooks.allEvents") }}
          onChange={(names) => setEventTypes(EVENT_TYPES.filter((known) => names.includes(known)))}
          data-testid="webhook-events"
        />
        <Group gap="xs">
          <Button type="submit" disabled={url.trim() === ""} loading={isPending} data-testid="webhook-save">
            {submit}
          </Button>
          <Button variant="default" onClick={onCancel}>
            {t("webhooks.cancel")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
