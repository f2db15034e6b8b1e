import { assertNever } from "@/shared/assertNever";
import { newSpeedMeter, observeBytes, restartMeter, type SpeedMeter } from "./speedMeter";

/**
 * One upload as states and events. Pure: effects live in the queue and the facade.
 *
 *     queued -> preparing -> sending <-> waiting -> finishing -> done
 *     any of them before finishing -> paused -> (resumed) queued
 *     preparing -> elsewhere (another tab is at it) -> preparing
 *     any of them -> failed -> (retried) queued        any of them -> cancelled
 */
export type UploadState =
  | { phase: "queued"; resume: ResumePoint | null }
  | { phase: "preparing"; resume: ResumePoint | null }
  | { phase: "elsewhere"; resume: ResumePoint }
  | { phase: "sending"; videoId: number; sentBytes: number; storedBytes: number; meter: SpeedMeter }
  | { phase: "waiting"; resume: ResumePoint | null; reason: WaitReason; meter: SpeedMeter | null }
  | { phase: "paused"; resume: ResumePoint | null }
  | { phase: "finishing"; videoId: number }
  | { phase: "done"; videoId: number }
  | { phase: "failed"; resume: ResumePoint | null; problem: UploadProblem }
  | { phase: "cancelled" };

/** What is known to exist on the server, so that a retry continues and does not start a second video. */
export interface ResumePoint {
  videoId: number;
  /** All bytes were acknowledged by storage; only `complete` is missing. */
  sent: boolean;
  /** What storage had acknowledged when this was last known. */
  storedBytes: number;
}

/** "queue": the upload is stored and safe; only the encoding queue has not answered yet. */
export type WaitReason = "offline" | "network" | "storage" | "server" | "queue";

/** Why an upload stopped, and whether the same file may be tried again. */
export type UploadProblem =
  | { kind: "refused"; code: string; detail: string; hint: string; requestId: string | null; retryable: boolean }
  | { kind: "network"; retryable: true }
  | { kind: "storage"; status: number; retryable: true }
  | { kind: "deleted"; retryable: true }
  | { kind: "different_file"; retryable: false }
  | { kind: "unreadable_file"; retryable: false }
  | { kind: "unexpected"; message: string; retryable: true };

export type UploadEvent =
  | { type: "started" }
  | { type: "held_elsewhere"; videoId: number }
  | { type: "taken_over" }
  | { type: "sending_started"; videoId: number; storedBytes: number; atMs: number }
  | { type: "bytes_sent"; sentBytes: number; storedBytes: number; atMs: number }
  | { type: "waiting"; reason: WaitReason }
  | { type: "paused" }
  | { type: "resumed" }
  | { type: "all_sent"; videoId: number }
  | { type: "accepted"; videoId: number }
  | { type: "failed"; problem: UploadProblem }
  | { type: "retried" }
  | { type: "cancelled" };

export const initialUpload: UploadState = { phase: "queued", resume: null };

/** Return the next state. An event that comes too late (progress after a cancel) changes nothing. */
export function uploadReducer(state: UploadState, event: UploadEvent): UploadState {
  if (isFinal(state) && event.type !== "retried") return state;
  // Until it is resumed, nothing but the end reaches an upload that was paused.
  if (state.phase === "paused" && event.type !== "resumed" && event.type !== "cancelled") return state;
  switch (event.type) {
    case "started":
      return state.phase === "queued" ? { phase: "preparing", resume: state.resume } : state;
    case "held_elsewhere":
      return {
        phase: "elsewhere",
        resume: resumePoint(state) ?? { videoId: event.videoId, sent: false, storedBytes: 0 },
      };
    case "taken_over":
      return state.phase === "elsewhere" ? { phase: "preparing", resume: state.resume } : state;
    case "sending_started": {
      const { videoId, storedBytes, atMs } = event;
      return { phase: "sending", videoId, storedBytes, sentBytes: storedBytes, meter: newSpeedMeter(atMs, storedBytes) };
    }
    case "bytes_sent":
      return bytesSent(state, event);
    case "waiting":
      return {
        phase: "waiting",
        resume: resumePoint(state),
        reason: event.reason,
        meter: state.phase === "sending" || state.phase === "waiting" ? state.meter : null,
      };
    case "paused":
      return mayPause(state) ? { phase: "paused", resume: resumePoint(state) } : state;
    case "resumed":
      return state.phase === "paused" ? { phase: "queued", resume: state.resume } : state;
    case "all_sent":
      return { phase: "finishing", videoId: event.videoId };
    case "accepted":
      return { phase: "done", videoId: event.videoId };
    case "failed":
      return { phase: "failed", resume: resumeAfter(event.problem, state), problem: event.problem };
    case "retried":
      return state.phase === "failed" && state.problem.retryable ? { phase: "queued", resume: state.resume } : state;
    case "cancelled":
      return { phase: "cancelled" };
    default:
      return assertNever(event);
  }
}

function bytesSent(state: UploadState, event: UploadEvent & { type: "bytes_sent" }): UploadState {
  const { sentBytes, storedBytes, atMs } = event;
  if (state.phase === "sending") {
    return { ...state, sentBytes, storedBytes, meter: observeBytes(state.meter, sentBytes, atMs) };
  }
  // A lane moves again: the wait is over.
  if (state.phase !== "waiting" || state.resume === null || state.meter === null) return state;
  const meter = restartMeter(state.meter, sentBytes, atMs);
  return { phase: "sending", videoId: state.resume.videoId, sentBytes, storedBytes, meter };
}

/** A retry continues the same video, unless that is what is gone. */
function resumeAfter(problem: UploadProblem, state: UploadState): ResumePoint | null {
  return problem.kind === "deleted" ? null : resumePoint(state);
}

/** No effect runs for it any more. */
export function isFinal(state: UploadState): boolean {
  return state.phase === "done" || state.phase === "failed" || state.phase === "cancelled";
}

/** Bytes are still to be sent, or to be confirmed. */
export function isUnfinished(state: UploadState): boolean {
  return !isFinal(state);
}

/** Leaving the page now would interrupt it. */
export function isUnderWay(state: UploadState): boolean {
  return isUnfinished(state) && state.phase !== "paused" && state.phase !== "elsewhere";
}

export function mayPause(state: UploadState): boolean {
  return isUnderWay(state) && state.phase !== "finishing" && resumePoint(state)?.sent !== true;
}

export function mayRetry(state: UploadState): boolean {
  return state.phase === "failed" && state.problem.retryable;
}

export function resumePoint(state: UploadState): ResumePoint | null {
  switch (state.phase) {
    case "queued":
    case "preparing":
    case "elsewhere":
    case "waiting":
    case "paused":
    case "failed":
      return state.resume;
    case "sending":
      return { videoId: state.videoId, sent: false, storedBytes: state.storedBytes };
    case "finishing":
    case "done":
      return { videoId: state.videoId, sent: true, storedBytes: 0 };
    case "cancelled":
      return null;
    default:
      return assertNever(state);
  }
}

/** How much of the file is on its way or there, 0 to 100; 100 only when storage has acknowledged everything. */
export function sentPercent(state: UploadState, totalBytes: number): number {
  const resume = resumePoint(state);
  if (resume === null) return 0;
  if (resume.sent) return 100;
  const bytes = state.phase === "sending" ? state.sentBytes : resume.storedBytes;
  return totalBytes > 0 ? Math.min(99, Math.floor((bytes / totalBytes) * 100)) : 0;
}
