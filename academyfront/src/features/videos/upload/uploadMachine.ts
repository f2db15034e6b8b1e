import { assertNever } from "@/shared/assertNever";
import { newSpeedMeter, observeBytes, type SpeedMeter } from "./speedMeter";

/**
 * One upload as states and events. Pure: effects live in the queue and the facade.
 *
 *     queued -> preparing -> sending <-> waiting -> finishing -> done
 *                   any of them -> failed -> (retried) queued        any of them -> cancelled
 */
export type UploadState =
  | { phase: "queued"; resume: ResumePoint | null }
  | { phase: "preparing"; resume: ResumePoint | null }
  | { phase: "sending"; videoId: number; sentBytes: number; meter: SpeedMeter }
  | { phase: "waiting"; resume: ResumePoint | null; sentBytes: number; reason: WaitReason }
  | { phase: "finishing"; videoId: number }
  | { phase: "done"; videoId: number }
  | { phase: "failed"; resume: ResumePoint | null; problem: UploadProblem }
  | { phase: "cancelled" };

/** What is known to exist on the server, so that a retry continues and does not start a second video. */
export interface ResumePoint {
  videoId: number;
  /** All bytes were acknowledged by storage; only `complete` is missing. */
  sent: boolean;
}

/** "queue": the upload is stored and safe; only the encoding queue has not answered yet. */
export type WaitReason = "offline" | "storage" | "server" | "queue";

/** Why an upload stopped, and whether the same file may be tried again. */
export type UploadProblem =
  | { kind: "refused"; code: string; detail: string; hint: string; requestId: string | null; retryable: boolean }
  | { kind: "network"; retryable: true }
  | { kind: "storage"; status: number; retryable: true }
  | { kind: "unreadable_file"; retryable: false }
  | { kind: "unexpected"; message: string; retryable: true };

export type UploadEvent =
  | { type: "started" }
  | { type: "sending_started"; videoId: number; atMs: number }
  | { type: "bytes_sent"; sentBytes: number; atMs: number }
  | { type: "waiting"; reason: WaitReason }
  | { type: "all_sent"; videoId: number }
  | { type: "accepted"; videoId: number }
  | { type: "failed"; problem: UploadProblem }
  | { type: "retried" }
  | { type: "cancelled" };

export const initialUpload: UploadState = { phase: "queued", resume: null };

/** Return the next state. An event that comes too late (progress after a cancel) changes nothing. */
export function uploadReducer(state: UploadState, event: UploadEvent): UploadState {
  if (isFinal(state) && event.type !== "retried") return state;
  switch (event.type) {
    case "started":
      return state.phase === "queued" ? { phase: "preparing", resume: state.resume } : state;
    case "sending_started":
      return { phase: "sending", videoId: event.videoId, sentBytes: 0, meter: newSpeedMeter(event.atMs) };
    case "bytes_sent":
      return state.phase === "sending"
        ? { ...state, sentBytes: event.sentBytes, meter: observeBytes(state.meter, event.sentBytes, event.atMs) }
        : state;
    case "waiting":
      return { phase: "waiting", resume: resumePoint(state), sentBytes: sentBytes(state), reason: event.reason };
    case "all_sent":
      return { phase: "finishing", videoId: event.videoId };
    case "accepted":
      return { phase: "done", videoId: event.videoId };
    case "failed":
      return { phase: "failed", resume: resumePoint(state), problem: event.problem };
    case "retried":
      return state.phase === "failed" && state.problem.retryable ? { phase: "queued", resume: state.resume } : state;
    case "cancelled":
      return { phase: "cancelled" };
    default:
      return assertNever(event);
  }
}

/** No effect runs for it any more. */
export function isFinal(state: UploadState): boolean {
  return state.phase === "done" || state.phase === "failed" || state.phase === "cancelled";
}

/** Leaving the page now would lose work: bytes are still to be sent, or to be confirmed. */
export function isUnfinished(state: UploadState): boolean {
  return !isFinal(state);
}

export function resumePoint(state: UploadState): ResumePoint | null {
  switch (state.phase) {
    case "queued":
    case "preparing":
    case "waiting":
    case "failed":
      return state.resume;
    case "sending":
      return { videoId: state.videoId, sent: false };
    case "finishing":
    case "done":
      return { videoId: state.videoId, sent: true };
    case "cancelled":
      return null;
    default:
      return assertNever(state);
  }
}

function sentBytes(state: UploadState): number {
  return state.phase === "sending" || state.phase === "waiting" ? state.sentBytes : 0;
}

/** How much of the file storage has taken, 0 to 100; 100 only when everything was acknowledged. */
export function sentPercent(state: UploadState, totalBytes: number): number {
  switch (state.phase) {
    case "sending":
    case "waiting":
      if (state.phase === "waiting" && state.resume?.sent === true) return 100;
      return totalBytes > 0 ? Math.min(99, Math.floor((state.sentBytes / totalBytes) * 100)) : 0;
    case "finishing":
    case "done":
      return 100;
    case "queued":
    case "preparing":
    case "failed":
    case "cancelled":
      return 0;
    default:
      return assertNever(state);
  }
}
