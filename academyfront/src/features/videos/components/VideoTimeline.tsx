import { Skeleton, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { formatDateTime } from "@/shared/i18n/format";
import { useLanguage } from "@/shared/i18n/useLanguage";
import { RelativeTime } from "@/shared/ui/RelativeTime";
import type { TimelineEvent, Video } from "../api/types";
import { useTimeline } from "../hooks/useVideos";
import classes from "./SidePanel.module.css";
import { isKnownActor, isKnownEvent } from "./words";

const GOOD = new Set(["job_succeeded", "upload_completed"]);
const BAD = new Set(["job_failed", "job_attempts_exhausted", "upload_refused", "upload_expired", "job_lease_expired", "output_missing", "message_dead_lettered", "message_failed", "dead_letter_taken"]);

/** Everything that happened to the video, newest first. */
export function VideoTimeline({ video }: { video: Video }) {
  const { t } = useTranslation();
  const timeline = useTimeline(video);
  // The page is complete without its history; a failure here is not worth an alarm.
  if (timeline.isError && timeline.data === undefined) return null;
  const events = timeline.data?.toReversed() ?? [];
  return (
    <section className={classes.panel} data-testid="timeline">
      <h2 className={classes.title}>{t("timeline.title")}</h2>
      {timeline.isPending ? (
        <Skeleton h={96} radius="md" />
      ) : events.length === 0 ? (
        <Text size="sm" c="var(--text-soft)">
          {t("timeline.empty")}
        </Text>
      ) : (
        <ol className={classes.events}>
          {events.map((event) => (
            <TimelineRow key={event.id} event={event} />
          ))}
        </ol>
      )}
    </section>
  );
}

function TimelineRow({ event }: { event: TimelineEvent }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const attempt = event.attempt !== null && event.attempt > 1 ? t("timeline.attempt", { count: event.attempt }) : null;
  const kind = event.actor.split(":", 1)[0] ?? "";
  const by = isKnownActor(kind) ? t(`timeline.by.${kind}`) : null;
  return (
    <li className={classes.event} data-tone={GOOD.has(event.name) ? "good" : BAD.has(event.name) ? "bad" : undefined}>
      <div>{isKnownEvent(event.name) ? t(`timeline.event.${event.name}`) : event.name}</div>
      <div className={classes.when}>
        <RelativeTime iso={event.at} /> · {formatDateTime(event.at, language)}
        {by !== null && ` · ${by}`}
        {attempt !== null && ` · ${attempt}`}
      </div>
    </li>
  );
}
