import { HttpProblem, NetworkProblem, asRecord, isHttpProblem } from "@/shared/api/problem";
import { DifferentFile, StorageProblem } from "./ports";
import { OUTAGE_POLICY, QUEUE_POLICY, REFUSAL_POLICY, isTransientStatus, type RetryPolicy } from "./retryPolicy";
import type { UploadProblem, WaitReason } from "./uploadMachine";

/** A failure that time may heal. */
export interface PassingFailure {
  policy: RetryPolicy;
  reason: WaitReason;
  retryAfterSeconds: number | null;
}

// The same call is still being answered, or storage could not be read just now.
const PASSING_CONFLICTS: ReadonlySet<string> = new Set(["idempotency_in_progress", "presigned_get_failed"]);

/** Say how to repeat what failed with this, or null when repeating cannot help. */
export function passingFailure(error: unknown): PassingFailure | null {
  if (error instanceof NetworkProblem) return { policy: OUTAGE_POLICY, reason: "network", retryAfterSeconds: null };
  if (error instanceof StorageProblem) {
    return isTransientStatus(error.status) ? { policy: REFUSAL_POLICY, reason: "storage", retryAfterSeconds: null } : null;
  }
  if (!(error instanceof HttpProblem)) return null;
  const { status, code, retryAfterSeconds } = error.facts;
  if (isSafeButNotQueued(error)) return { policy: QUEUE_POLICY, reason: "queue", retryAfterSeconds };
  // 429 is the quota: it does not come back by waiting.
  const isPassing = (isTransientStatus(status) && code !== "quota_exceeded") || PASSING_CONFLICTS.has(code);
  return isPassing ? { policy: REFUSAL_POLICY, reason: "server", retryAfterSeconds } : null;
}

/** 503 `VIDEO_UPLOAD_ENQUEUE_FAILED`: the upload and its job are stored, the queue did not take the message in time. */
export function isSafeButNotQueued(error: unknown): boolean {
  return isHttpProblem(error, "VIDEO_UPLOAD_ENQUEUE_FAILED");
}

function isRefusedSignature(error: unknown): boolean {
  return error instanceof StorageProblem && (error.status === 401 || error.status === 403);
}

/** 400: bytes were damaged on their way. 403: the URL has expired. Both may be sent again at once. */
export function isRefusedPut(error: unknown): boolean {
  return isRefusedSignature(error) || (error instanceof StorageProblem && error.status === 400);
}

/** 409 `invalid_status` names the video that an earlier call, or the server itself, has accepted. That is done. */
export function acceptedVideoId(error: unknown, videoId: number | null): number | null {
  if (videoId === null || !isHttpProblem(error, "invalid_status")) return null;
  const id = asRecord(asRecord(error.facts.body)["video"])["id"];
  return typeof id === "number" ? id : videoId;
}

/** The server counts the upload as open, and storage lacks some of it. */
export function isMissingInStorage(error: unknown): boolean {
  if (error instanceof StorageProblem) return error.status === 404;
  return isHttpProblem(error, "upload_incomplete", "source_not_found_or_empty", "upload_checksum_mismatch");
}

/** Past its deadline, or thrown away by storage: the file becomes a new video. */
export function isExpiredUpload(error: unknown): boolean {
  return isHttpProblem(error, "upload_expired");
}

/** No other try can bring this upload to its end: the video is gone, or the server will not have it. */
export function isOver(error: unknown): boolean {
  const problem = describeUploadFailure(error);
  return problem.kind === "deleted" || (problem.kind === "refused" && !problem.retryable);
}

/** Turn whatever stopped an upload into what the page can say about it. */
export function describeUploadFailure(error: unknown): UploadProblem {
  if (error instanceof HttpProblem) {
    if (error.facts.status === 404) return { kind: "deleted", retryable: true };
    const { code, detail, hint, requestId, status } = error.facts;
    const retryable = status === 401 || status === 409 || isTransientStatus(status);
    return { kind: "refused", code, detail, hint, requestId, retryable };
  }
  if (error instanceof NetworkProblem) return { kind: "network", retryable: true };
  if (error instanceof StorageProblem) return { kind: "storage", status: error.status, retryable: true };
  if (error instanceof DifferentFile) return { kind: "different_file", retryable: false };
  // NotFoundError: moved or deleted. NotReadableError: changed since it was chosen, or locked by another program.
  if (error instanceof DOMException && ["NotReadableError", "NotFoundError"].includes(error.name)) {
    return { kind: "unreadable_file", retryable: false };
  }
  return { kind: "unexpected", message: error instanceof Error ? error.message : String(error), retryable: true };
}
