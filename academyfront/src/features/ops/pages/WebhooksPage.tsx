import { Code, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { useIsOperator, useSession } from "@/shared/api/session";
import { ForbiddenView } from "@/shared/ui/ForbiddenView";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { asFault } from "@/shared/ui/webhookWords";
import { groupOf, useEndpointsIn, type EndpointGroup, type WebhookEndpoint } from "../api/webhooks";
import { CountedPage } from "../components/CountedPage";

/** The webhooks that a number of the operations page counts, whosever they are. */
export default function WebhooksPage() {
  const [params] = useSearchParams();
  if (!useIsOperator()) return <ForbiddenView />;
  return <Endpoints group={groupOf(params.get("group"))} />;
}

function Endpoints({ group }: { group: EndpointGroup }) {
  const { t } = useTranslation();
  return (
    <CountedPage
      title={t(`ops.webhooks.${group}`)}
      testId="ops-webhooks-page"
      query={useEndpointsIn(group)}
      nobodyHere={t("ops.webhooks.nobodyHere")}
      row={(endpoint) => <EndpointRow key={endpoint.webhook_id} endpoint={endpoint} />}
    />
  );
}

/** Another academy's webhook opens for nobody else: the command line shows its log. */
function EndpointRow({ endpoint }: { endpoint: WebhookEndpoint }) {
  const { t } = useTranslation();
  const session = useSession().data;
  const isOurs = session?.tenant?.code === endpoint.tenant_code && session.role === "owner";
  const last = endpoint.last_attempt;
  return (
    <Table.Tr data-testid="ops-webhook" data-webhook-id={endpoint.webhook_id}>
      <Table.Td>
        {isOurs ? <Link to="/settings">{endpoint.host}</Link> : endpoint.host}{" "}
        {!isOurs && <Code>{t("ops.webhooks.logCommand", { id: endpoint.webhook_id })}</Code>}
        {last !== null && (
          <Text size="sm" c="var(--text-soft)">
            {last.status === null
              ? t(`webhooks.fault.${asFault(last.fault)}`)
              : t("webhooks.answered", { status: last.status })}
          </Text>
        )}
      </Table.Td>
      <Table.Td data-label={t("ops.webhooks.academy")}>{endpoint.tenant_code}</Table.Td>
      <Table.Td data-label={t("ops.webhooks.state")}>
        {endpoint.disabled_reason === null
          ? t("webhooks.on")
          : t(`ops.webhooks.reason.${endpoint.disabled_reason}`)}
      </Table.Td>
      <Table.Td data-label={t("ops.webhooks.waiting")}>
        {t("webhooks.waiting", { count: endpoint.waiting })}
        {endpoint.waiting_since !== null && (
          <>
            {" "}
            ({t("ops.oldest")} <RelativeTime iso={endpoint.waiting_since} />)
          </>
        )}
      </Table.Td>
      <Table.Td data-label={t("ops.webhooks.failing")}>
        {t("ops.webhooks.failedTimes", { count: endpoint.failed_attempts })}
      </Table.Td>
    </Table.Tr>
  );
}
