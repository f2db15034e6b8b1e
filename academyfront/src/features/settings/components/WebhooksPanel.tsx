import { useState } from "react";
import { Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconWebhook } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { useWebhookActions, useWebhooks, type IssuedWebhook } from "../api/webhooks";
import { USUAL_EVENT_TYPES } from "./eventTypes";
import { FormToggle } from "./FormToggle";
import { ShownOnce } from "./ShownOnce";
import { WebhookForm } from "./WebhookForm";
import { WebhookItem } from "./WebhookItem";

export function WebhooksPanel() {
  const { t } = useTranslation();
  const [isOpen, form] = useDisclosure(false);
  const [issued, setIssued] = useState<IssuedWebhook | null>(null);
  const { add } = useWebhookActions();
  return (
    <Panel
      title={t("webhooks.title")}
      testId="webhooks"
      action={
        <FormToggle isOpen={isOpen} onToggle={form.toggle} icon={<IconWebhook size={16} />} testId="webhook-add">
          {t("webhooks.add")}
        </FormToggle>
      }
    >
      <Text size="sm" c="var(--text-soft)" mb="sm">
        {t("webhooks.intro")}
      </Text>
      {isOpen && (
        <WebhookForm
          initial={{ url: "", event_types: [...USUAL_EVENT_TYPES] }}
          submit={t("webhooks.create")}
          isPending={add.isPending}
          onCancel={form.close}
          onSubmit={(fields, onError) =>
            add.mutate(fields, {
              onSuccess: (made) => {
                setIssued(made);
                form.close();
              },
              onError,
            })
          }
        />
      )}
      {issued !== null && (
        <ShownOnce
          title={t("webhooks.secretOnce")}
          secret={issued.secret}
          testId="webhook-secret"
          onClose={() => setIssued(null)}
        />
      )}
      <Loaded query={useWebhooks()}>
        {(webhooks) =>
          webhooks.length === 0 ? (
            <Text size="sm" c="var(--text-soft)">
              {t("webhooks.none")}
            </Text>
          ) : (
            <Stack component="ul" gap="sm" m={0} p={0} style={{ listStyle: "none" }}>
              {webhooks.map((webhook) => (
                <WebhookItem key={webhook.id} webhook={webhook} onIssued={setIssued} />
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Panel>
  );
}
