import type { EventType } from "../api/webhooks";

/** Every event, what people ask for first. The compiler holds that none is missing. */
const ORDER: Record<EventType, number> = {
  job_succeeded: 1,
  job_failed: 2,
  job_attempts_exhausted: 3,
  upload_started: 4,
  upload_completed: 5,
  upload_refused: 6,
  upload_expired: 7,
  video_updated: 8,
  video_deleted: 9,
  video_purged: 10,
  job_created: 11,
  job_claimed: 12,
  job_cancelled: 13,
  job_retry_scheduled: 14,
  job_handed_back: 15,
  job_requeued: 16,
  job_lease_expired: 17,
  chunk_lease_expired: 18,
  message_resent: 19,
  message_dead_lettered: 20,
  status_repaired: 21,
  usage_repaired: 22,
  output_missing: 23,
  storage_swept: 24,
};

const isEventType = (name: string): name is EventType => name in ORDER;

export const EVENT_TYPES: readonly EventType[] = Object.keys(ORDER)
  .filter(isEventType)
  .sort((one, other) => ORDER[one] - ORDER[other]);

export function asEventType(name: string): EventType | null {
  return isEventType(name) ? name : null;
}

/** What most receivers want: that a video can be watched, or never will be without somebody. */
export const USUAL_EVENT_TYPES: readonly EventType[] = ["job_succeeded", "job_failed", "job_attempts_exhausted"];
