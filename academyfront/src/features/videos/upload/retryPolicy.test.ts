import { describe, expect, it } from "vitest";
import { decideRetry, isTransientStatus, type RetryPolicy } from "./retryPolicy";

const policy: RetryPolicy = { maxAttempts: 4, baseDelayMs: 1_000, maxDelayMs: 5_000 };
const decide = (attempt: number, random: number, retryAfterSeconds: number | null = null) =>
  decideRetry(policy, attempt, { random, retryAfterSeconds });

describe("the retry policy", () => {
  it("doubles its delay up to the ceiling", () => {
    const delays = [1, 2, 3].map((attempt) => decide(attempt, 1));
    expect(delays).toEqual([
      { kind: "retry", delayMs: 1_000 },
      { kind: "retry", delayMs: 2_000 },
      { kind: "retry", delayMs: 4_000 },
    ]);
    expect(decideRetry({ ...policy, maxAttempts: 9 }, 8, { random: 1, retryAfterSeconds: null })).toEqual({
      kind: "retry",
      delayMs: 5_000,
    });
  });

  it("spreads clients over the second half of the delay", () => {
    expect(decide(2, 0)).toEqual({ kind: "retry", delayMs: 1_000 });
    expect(decide(2, 0.5)).toEqual({ kind: "retry", delayMs: 1_500 });
  });

  it("waits at least as long as the server asks", () => {
    expect(decide(1, 0, 3)).toEqual({ kind: "retry", delayMs: 3_000 });
  });

  it("does not let a server put it to sleep for an hour", () => {
    expect(decide(1, 0, 3_600)).toEqual({ kind: "retry", delayMs: 5_000 });
  });

  it("gives up after its last attempt", () => {
    expect(decide(4, 0)).toEqual({ kind: "give_up" });
  });

  it.each([408, 425, 429, 500, 502, 503, 504])("takes %i for passing", (status) => {
    expect(isTransientStatus(status)).toBe(true);
  });

  it.each([200, 400, 401, 403, 404, 409, 410, 412, 413, 415, 422])("takes %i for an answer", (status) => {
    expect(isTransientStatus(status)).toBe(false);
  });
});
