import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { useNow } from "@/shared/ui/useNow";
import { isStuck } from "../api/flow";
import { addressOfGroup, useWebhooksOverview, type WebhooksOverview } from "../api/webhooks";
import { Facts } from "./Facts";

/** Whether webhooks get out, whosever they are. */
export function WebhooksPanel() {
  const { t } = useTranslation();
  return (
    <Panel title={t("webhooks.title")} testId="ops-webhooks">
      <Loaded query={useWebhooksOverview()}>{(webhooks) => <Counted webhooks={webhooks} />}</Loaded>
    </Panel>
  );
}

function Counted({ webhooks }: { webhooks: WebhooksOverview }) {
  const { t } = useTranslation();
  const now = useNow(10_000);
  const disabled = Object.values(webhooks.disabled).reduce((sum, count) => sum + count, 0);
  return (
    <>
      <Facts
        facts={[
          { name: t("ops.webhooks.active"), count: webhooks.active, to: addressOfGroup("active") },
          { name: t("ops.webhooks.disabled"), count: disabled, to: addressOfGroup("disabled") },
          {
            name: t("ops.webhooks.waiting"),
            count: webhooks.waiting,
            to: addressOfGroup("waiting"),
            since: webhooks.oldest_waiting_since,
          },
          { name: t("ops.webhooks.failing"), count: webhooks.failed_attempts, to: addressOfGroup("failing") },
        ]}
      />
      <Text size="sm" c="var(--text-soft)" mt="sm">
        {isStuck(webhooks, now) ? (
          <strong data-testid="webhooks-stuck">{t("ops.webhooks.stuck")}</strong>
        ) : webhooks.delivered_at === null ? (
          t("ops.webhooks.neverDelivered")
        ) : (
          <>
            {t("ops.webhooks.delivered")} <RelativeTime iso={webhooks.delivered_at} />
          </>
        )}
      </Text>
    </>
  );
}
