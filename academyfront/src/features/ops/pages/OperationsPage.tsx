import { Suspense, lazy } from "react";
import { Badge, Group, SimpleGrid, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useIsOperator } from "@/shared/api/session";
import { formatDateTime } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { ForbiddenView } from "@/shared/ui/ForbiddenView";
import { Loaded, Panel } from "@/shared/ui/Panel";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import { isStuck, needsAttention } from "../api/flow";
import { useOverview, type Overview } from "../api/ops";
import { addressOf, placeOf } from "../api/places";
import { useWebhooksOverview } from "../api/webhooks";
import { Facts, type Fact } from "../components/Facts";
import { InvariantsPanel } from "../components/InvariantsPanel";
import { WebhooksPanel } from "../components/WebhooksPanel";
import { WorkersPanel } from "../components/WorkersPanel";
import classes from "./OperationsPage.module.css";

const ThroughputPanel = lazy(() => import("../components/ThroughputPanel"));

/** One screen that answers: is everything flowing? */
export default function OperationsPage() {
  if (!useIsOperator()) return <ForbiddenView />;
  return <Everything />;
}

function Everything() {
  const { t } = useTranslation();
  const overview = useOverview();
  return (
    <Stack gap="lg" data-testid="operations-page">
      <Title order={1}>{t("ops.title")}</Title>
      <Loaded query={overview}>
        {(seen) => (
          <>
            <Flow overview={seen} />
            <FunnelPanel overview={seen} />
            <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
              <LinePanel overview={seen} />
              <WebhooksPanel />
            </SimpleGrid>
            <TenantsPanel overview={seen} />
            <WorkersPanel workers={seen.workers} />
            <Suspense fallback={<Skeleton h={300} radius="lg" />}>
              <ThroughputPanel />
            </Suspense>
            <InvariantsPanel invariants={seen.invariants} />
          </>
        )}
      </Loaded>
    </Stack>
  );
}

function Flow({ overview }: { overview: Overview }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const webhooks = useWebhooksOverview().data;
  const isWrong = needsAttention(overview) || (webhooks !== undefined && isStuck(webhooks, Date.parse(overview.at)));
  return (
    <Group justify="space-between" className={classes.flow} data-wrong={isWrong || undefined} role="status">
      <Group gap="xs">
        {isWrong ? <IconAlertTriangle size={22} aria-hidden /> : <IconCircleCheck size={22} aria-hidden />}
        <strong data-testid="ops-flow">{isWrong ? t("ops.attention") : t("ops.flowing")}</strong>
      </Group>
      <Text size="sm">{t("ops.asOf", { time: formatDateTime(overview.at, language) })}</Text>
    </Group>
  );
}

/** A number that leads to its videos. */
function StatusNumber({ status, count, since }: { status: string; count: number; since?: string | null }) {
  const { t } = useTranslation();
  const name = isKnownStatus(status) ? t(`status.${status}`) : status;
  return (
    <Link to={addressOf(placeOf(status) ?? "pending")} className={classes.number} data-testid={`funnel-${status}`}>
      <span className={classes.count}>{count.toLocaleString()}</span>
      <span>{name}</span>
      {since !== undefined && (
        <span className={classes.since}>
          {since === null ? (
            t("ops.nothingWaits")
          ) : (
            <>
              {t("ops.oldest")} <RelativeTime iso={since} />
            </>
          )}
        </span>
      )}
    </Link>
  );
}

function FunnelPanel({ overview }: { overview: Overview }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("ops.funnel")} testId="funnel">
      <div className={classes.numbers}>
        {overview.funnel.map(({ step, count, oldest_since: since }) => (
          <StatusNumber key={step} status={step} count={count} since={since} />
        ))}
        {Object.entries(overview.finished_today).map(([status, count]) => (
          <StatusNumber key={status} status={status} count={count} />
        ))}
      </div>
      <Text size="sm" c="var(--text-soft)" mt="xs">
        {Object.keys(overview.finished_today)
          .map((status) => (isKnownStatus(status) ? t(`status.${status}`) : status))
          .join(" · ")}
        {": "}
        {t("ops.today")}
      </Text>
    </Panel>
  );
}

function LinePanel({ overview: { jobs, queue, outbox, dead_letters: letters } }: { overview: Overview }) {
  const { t } = useTranslation();
  const inQueue = (count: number | undefined | null) =>
    count === undefined || count === null ? t("ops.queueSilent") : t("ops.messages", { count });
  // What is in the queue cannot be looked at: its numbers stand beside those of the jobs that its messages wake.
  const facts: Fact[] = [
    { name: t("ops.jobsQueued"), count: jobs["QUEUED"] ?? 0, to: addressOf("queued"), note: inQueue(queue?.visible) },
    { name: t("ops.jobsRunning"), count: jobs["RUNNING"] ?? 0, to: addressOf("running"), note: inQueue(queue?.in_flight) },
    { name: t("ops.jobsRetrying"), count: jobs["RETRY_WAIT"] ?? 0, to: addressOf("retry_wait") },
    { name: t("ops.outboxDue"), count: outbox.due, to: addressOf("outbox_due"), since: outbox.oldest_due_at },
    { name: t("ops.outboxFailing"), count: outbox.failing, to: addressOf("outbox_failing") },
    { name: t("ops.deadLetters"), count: letters.kept, to: addressOf("dead_letters"), note: inQueue(letters.waiting) },
  ];
  return (
    <Panel title={t("ops.line")} testId="line">
      <Facts facts={facts} />
    </Panel>
  );
}

function TenantsPanel({ overview: { tenants } }: { overview: Overview }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("ops.tenants")} testId="tenants">
      {tenants.length === 0 ? (
        <Text size="sm" c="var(--text-soft)">
          {t("ops.noTenants")}
        </Text>
      ) : (
        <Stack component="ul" gap={8} m={0} p={0} className={classes.plain}>
          {tenants.map(({ tenant_code: code, queued, running, waiting_for_retry: waiting }) => (
            <Group key={code} component="li" gap="xs">
              <strong>{code}</strong>
              <BacklogLink to={addressOf("queued", code)} text={`${t("ops.queued")} ${queued}`} />
              <BacklogLink to={addressOf("running", code)} text={`${t("ops.running")} ${running}`} />
              <BacklogLink to={addressOf("retry_wait", code)} text={`${t("ops.waitingForRetry")} ${waiting}`} />
            </Group>
          ))}
        </Stack>
      )}
    </Panel>
  );
}

function BacklogLink({ to, text }: { to: string; text: string }) {
  return (
    <Badge component={Link} to={to} variant="default" className={classes.backlog}>
      {text}
    </Badge>
  );
}

const STATUSES = ["PENDING", "UPLOADED", "PROCESSING", "READY", "FAILED", "EXPIRED"] as const;

function isKnownStatus(status: string): status is (typeof STATUSES)[number] {
  return STATUSES.some((known) => known === status);
}
