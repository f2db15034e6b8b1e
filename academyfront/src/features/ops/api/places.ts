import type { Place } from "./ops";

const PLACES: readonly Place[] = [
  "pending", "uploaded", "processing", "ready", "failed", "expired", "queued", "running", "retry_wait", "outbox_due",
  "outbox_failing", "dead_letters",
];

export function placeOf(text: string | null): Place | null {
  return PLACES.find((place) => place === text?.toLowerCase()) ?? null;
}

export function addressOf(place: Place, tenant?: string): string {
  return `/operations/videos?${new URLSearchParams({ place, ...(tenant === undefined ? {} : { tenant }) }).toString()}`;
}
