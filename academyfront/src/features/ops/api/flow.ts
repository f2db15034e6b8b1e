import type { Overview } from "./ops";
import type { WebhooksOverview } from "./webhooks";

const LONG_MS = 10 * 60_000;
const SENDERS_IDLE_MS = 2 * 60_000;

/** Whether a person should look: somebody waits for one, nobody works, or something does not move. */
export function needsAttention(overview: Overview): boolean {
  const { queue, outbox, dead_letters: letters, workers, invariants, at } = overview;
  const waits = overview.funnel.some(({ step, count }) => step === "UPLOADED" && count > 0);
  const isLate = outbox.oldest_due_at !== null && Date.parse(at) - Date.parse(outbox.oldest_due_at) > LONG_MS;
  return (
    queue === null ||
    letters.kept > 0 ||
    outbox.failing > 0 ||
    isLate ||
    (waits && workers.length === 0) ||
    invariants.some(({ severity, found, repaired }) => severity === "critical" && found > repaired)
  );
}

/** Whether a webhook's event could be sent for minutes and nobody sends it. */
export function isStuck({ unsent_since: since }: WebhooksOverview, nowMs: number): boolean {
  return since !== null && nowMs - Date.parse(since) > SENDERS_IDLE_MS;
}
