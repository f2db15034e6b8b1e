import { Button, Code, Collapse, Skeleton, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconChevronDown,
  IconClock,
  IconHandStop,
  IconInfoCircle,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import type { Evidence, Video, Why } from "../api/types";
import { useWhy } from "../hooks/useWhy";
import { rightAction } from "./rightAction";
import { VideoActionButton } from "./VideoActions";
import classes from "./WhyPanel.module.css";

const ICONS: Record<Why["severity"], typeof IconClock> = {
  ok: IconCircleCheck,
  waiting: IconClock,
  degraded: IconInfoCircle,
  stuck: IconHandStop,
  failed: IconAlertTriangle,
};

/** Where the video is, why, what happens next, and the one button that helps. Internals only for operators, folded. */
export function WhyPanel({ video }: { video: Video }) {
  const { t } = useTranslation();
  const why = useWhy(video);
  // The page is complete without it; that it could not be asked is told where the answer is needed.
  if (why.isPending) return <Skeleton h={104} radius="lg" mt="lg" aria-label={t("app.loading")} />;
  if (why.data === undefined) return null;
  const isWorthSaying = why.data.severity !== "ok" || why.data.operator !== null;
  if (!isWorthSaying) return null;
  return <Explanation video={video} why={why.data} />;
}

function Explanation({ video, why }: { video: Video; why: Why }) {
  const { t } = useTranslation();
  const Icon = ICONS[why.severity];
  const action = rightAction(why);
  return (
    <section className={classes.panel} data-severity={why.severity} data-testid="why" aria-labelledby="why-verdict">
      <div className={classes.head}>
        <Icon size={24} className={classes.icon} aria-hidden />
        <div className={classes.words}>
          <h2 id="why-verdict" className={classes.verdict} data-testid="why-verdict">
            {why.verdict}
          </h2>
          {why.hint !== "" && <p className={classes.hint}>{why.hint}</p>}
          {why.severity !== "ok" && <NextStep why={why} />}
        </div>
      </div>
      <div className={classes.action} data-testid="why-action">
        {action !== null && <VideoActionButton video={video} action={action} isMain />}
        {why.next_step_code === "new_upload" && why.operator !== null && (
          <Button component={Link} to="/upload">
            {t("app.upload")}
          </Button>
        )}
      </div>
      {why.operator !== null && <OperatorDetails why={why} operator={why.operator} />}
    </section>
  );
}

function NextStep({ why }: { why: Why }) {
  const { t } = useTranslation();
  return (
    <dl className={classes.facts}>
      <div>
        <dt>{t("why.nextStep")}</dt>
        <dd>
          {why.next_step}
          {why.next_step_at !== null && (
            <>
              {" "}
              (<RelativeTime iso={why.next_step_at} />)
            </>
          )}
        </dd>
      </div>
      {why.position_in_line !== null && (
        <div>
          <dt>{t("why.line")}</dt>
          <dd>{t("why.position", { count: why.position_in_line })}</dd>
        </div>
      )}
      <div>
        <dt>{t("why.since")}</dt>
        <dd>
          <RelativeTime iso={why.since} />
        </dd>
      </div>
    </dl>
  );
}

function OperatorDetails({ why, operator }: { why: Why; operator: string }) {
  const { t } = useTranslation();
  const [isOpen, fold] = useDisclosure(false);
  return (
    <div className={classes.operator}>
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        aria-expanded={isOpen}
        rightSection={<IconChevronDown size={16} className={classes.chevron} data-open={isOpen || undefined} />}
        onClick={fold.toggle}
        data-testid="why-operator-toggle"
      >
        {t("why.forOperators")}
      </Button>
      <Collapse expanded={isOpen}>
        <div className={classes.details} data-testid="why-operator">
          <Text size="sm">{operator}</Text>
          <Text size="sm" c="var(--text-soft)" mt={6}>
            <Code>{why.cause_code}</Code> · {t(`why.fault.${why.fault}`)} · {t("why.holder", { holder: why.holder })}
          </Text>
          <ul className={classes.evidence}>
            {why.evidence.map((piece) => (
              <li key={piece.source}>
                <strong>{t(`why.source.${piece.source}`)}</strong> <EvidenceFacts piece={piece} />
              </li>
            ))}
          </ul>
        </div>
      </Collapse>
    </div>
  );
}

function EvidenceFacts({ piece }: { piece: Evidence }) {
  const known = Object.entries(piece.facts).filter(([, value]) => value !== null && value !== "");
  return (
    <span className={classes.factList}>
      {known.map(([name, value]) => (
        <Code key={name}>
          {name}={typeof value === "string" ? value : JSON.stringify(value)}
        </Code>
      ))}
    </span>
  );
}
