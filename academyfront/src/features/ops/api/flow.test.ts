import { describe, expect, it } from "vitest";
import { isStuck, needsAttention } from "./flow";
import type { Invariant, Overview, Worker } from "./ops";
import type { WebhooksOverview } from "./webhooks";

const worker = { worker_id: "one" } as Worker;
const calm: Overview = {
  at: "2026-03-02T12:00:00Z",
  funnel: [
    { step: "PENDING", count: 3, oldest_since: "2026-03-01T12:00:00Z" },
    { step: "UPLOADED", count: 2, oldest_since: "2026-03-02T11:59:00Z" },
  ],
  finished_today: { READY: 5 },
  jobs: { QUEUED: 2, RUNNING: 1, RETRY_WAIT: 0 },
  queue: { visible: 2, in_flight: 1, delayed: 0 },
  outbox: { unsent: 1, due: 1, oldest_due_at: "2026-03-02T11:59:30Z", failing: 0 },
  dead_letters: { waiting: 0, kept: 0 },
  workers: [worker],
  tenants: [],
  invariants: [{ code: "V07", severity: "critical", found: 1, repaired: 1 } as Invariant],
};

describe("needsAttention", () => {
  it("is calm while things wait their turn and what was found was repaired", () => {
    expect(needsAttention(calm)).toBe(false);
    expect(needsAttention({ ...calm, workers: [], funnel: [] })).toBe(false);
  });

  it.each<[string, Partial<Overview>]>([
    ["the queue does not answer", { queue: null }],
    ["a letter waits for a person", { dead_letters: { waiting: 0, kept: 1 } }],
    ["messages fail to be sent", { outbox: { ...calm.outbox, failing: 1 } }],
    ["a message is due for eleven minutes", { outbox: { ...calm.outbox, oldest_due_at: "2026-03-02T11:49:00Z" } }],
    ["videos wait and nobody works", { workers: [] }],
    [
      "something that must not happen was not repaired",
      { invariants: [{ code: "V07", severity: "critical", found: 2, repaired: 1 } as Invariant] },
    ],
  ])("asks for a look when %s", (_, change) => {
    expect(needsAttention({ ...calm, ...change })).toBe(true);
  });
});

describe("isStuck", () => {
  it.each([
    [null, false],
    ["2026-03-02T11:58:30Z", false],
    ["2026-03-02T11:57:00Z", true],
  ])("of what could be sent since %s is %s", (since, expected) => {
    expect(isStuck({ unsent_since: since } as WebhooksOverview, Date.parse(calm.at))).toBe(expected);
  });
});
