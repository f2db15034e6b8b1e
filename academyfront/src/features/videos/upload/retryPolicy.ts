/** When to try again. Pure: randomness is an argument. */
export interface RetryPolicy {
  maxAttempts: number;
  baseDelayMs: number;
  maxDelayMs: number;
}

export type RetryDecision = { kind: "retry"; delayMs: number } | { kind: "give_up" };

/** An outage ends some time, and then nobody may be there to press a button: ask for as long as it takes. */
export const OUTAGE_POLICY: RetryPolicy = { maxAttempts: Infinity, baseDelayMs: 1_000, maxDelayMs: 30_000 };
/** Somebody answers, and says that it cannot be done now: about a quarter of an hour, then let the person decide. */
export const REFUSAL_POLICY: RetryPolicy = { maxAttempts: 40, baseDelayMs: 1_000, maxDelayMs: 30_000 };
/** The server goes on by itself when the queue is back; asking again only makes it a little sooner. */
export const QUEUE_POLICY: RetryPolicy = { maxAttempts: 4, baseDelayMs: 1_000, maxDelayMs: 30_000 };

/**
 * Decide after the `attempt`-th failure (1 is the first).
 *
 * Exponential with equal jitter: half of the delay is fixed, half random, so that a classroom full of browsers that
 * lost the same network does not come back in the same instant. The server's Retry-After is a floor, within reason.
 */
export function decideRetry(
  policy: RetryPolicy,
  attempt: number,
  { retryAfterSeconds, random }: { retryAfterSeconds: number | null; random: number },
): RetryDecision {
  if (attempt >= policy.maxAttempts) return { kind: "give_up" };
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  const jittered = ceiling / 2 + (ceiling / 2) * random;
  const floor = Math.min(policy.maxDelayMs, (retryAfterSeconds ?? 0) * 1000);
  return { kind: "retry", delayMs: Math.round(Math.max(jittered, floor)) };
}

/** Answers of storage or api that another attempt may change. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}
