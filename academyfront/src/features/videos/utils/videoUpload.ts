import { HttpProblem, NetworkProblem, asRecord, hasStatus, isHttpProblem } from "@/shared/api/problem";
import type { CompletedUpload, UploadTicket } from "../api/types";
import { sendParts } from "../upload/partSender";
import { StorageProblem, type UploadPorts } from "../upload/ports";
import { CALL_POLICY, QUEUE_POLICY, SEND_POLICY, decideRetry, isTransientStatus, type RetryPolicy } from "../upload/retryPolicy";
import type { ResumePoint, UploadEvent, UploadProblem, WaitReason } from "../upload/uploadMachine";

export interface UploadOptions {
  title: string;
  session: string;
  /** Continue this upload instead of starting a new video. */
  resume: ResumePoint | null;
  signal: AbortSignal;
  onEvent: (event: UploadEvent) => void;
  ports: UploadPorts;
}

export interface UploadOutcome {
  videoId: number;
  /** "pending": the upload is safe and its job is stored; the queue gets its message as soon as it answers. */
  enqueue: "sent" | "pending";
}

// A URL that is about to expire would die in the middle of a large file's first seconds.
const EXPIRY_MARGIN_MS = 30_000;
// Storage said "acknowledged", the api said "not there": once more from the start, but not for ever.
const MAX_ROUNDS = 3;
const MAX_URL_REFRESHES = 3;

/**
 * Send a file to object storage and have the api accept it.
 *
 * Whatever happens to the PUT's last answer, `POST /api/v1/media/videos/${videoId}/upload/complete/` is always called
 * once the bytes are in storage, and repeated until it is answered: without it nobody would know of the upload.
 *
 * Resolves when the api has accepted the upload. Throws HttpProblem, StorageProblem, NetworkProblem, AbortError, or
 * the browser's own error when the file cannot be read any more.
 */
export async function uploadFileToR2AndComplete(file: File, options: UploadOptions): Promise<UploadOutcome> {
  const upload = new RunningUpload(file, options);
  return upload.run();
}

class RunningUpload {
  readonly #file: File;
  readonly #options: UploadOptions;
  #ticket: UploadTicket | null = null;
  #videoId: number | null;
  #sent: boolean;

  constructor(file: File, options: UploadOptions) {
    this.#file = file;
    this.#options = options;
    this.#videoId = options.resume?.videoId ?? null;
    this.#sent = options.resume?.sent ?? false;
  }

  async run(): Promise<UploadOutcome> {
    for (let round = 1; ; round += 1) {
      try {
        const videoId = this.#sent && this.#videoId !== null ? this.#videoId : await this.#sendBytes();
        return await this.#complete(videoId);
      } catch (error) {
        const accepted = alreadyAccepted(error, this.#videoId);
        if (accepted !== null) return this.#accept(accepted);
        if (round >= MAX_ROUNDS || !isMissingInStorage(error)) throw error;
        this.#sent = false;
      }
    }
  }

  /** Make storage acknowledge every byte; return the video's id. */
  async #sendBytes(): Promise<number> {
    const ticket = await this.#freshTicket();
    if (ticket.upload.strategy === "multipart") await this.#sendInParts(ticket);
    else await this.#sendAtOnce(ticket);
    this.#sent = true;
    return ticket.video.id;
  }

  async #sendInParts(ticket: UploadTicket): Promise<void> {
    const { ports, signal } = this.#options;
    const { part_size_bytes: partSizeBytes, part_count: partCount } = ticket.upload;
    if (partSizeBytes === null || partCount === null) throw new Error("an upload in parts without a plan");
    const videoId = ticket.video.id;
    this.#emit({ type: "sending_started", videoId, atMs: ports.clock.nowMs() });
    await sendParts(
      this.#file,
      { partSizeBytes, partCount },
      {
        transport: ports.transport,
        storedParts: () => this.#withRetries(CALL_POLICY, "server", () => ports.api.storedParts(videoId, signal)),
        sign: (numbers) =>
          this.#withRetries(CALL_POLICY, "server", () => ports.api.signParts(videoId, numbers, signal)),
        withRetries: (step) => this.#withRetries(SEND_POLICY, "storage", step),
        onProgress: (sentBytes) => this.#emit({ type: "bytes_sent", sentBytes, atMs: ports.clock.nowMs() }),
        signal,
      },
    );
  }

  async #sendAtOnce(first: UploadTicket): Promise<void> {
    let refreshes = 0;
    let next: UploadTicket | null = first;
    await this.#withRetries(SEND_POLICY, "storage", async () => {
      const ticket = next ?? (await this.#freshTicket());
      next = null;
      const { clock, transport } = this.#options.ports;
      if (ticket.upload_url === null) throw new Error("an upload in one PUT without a URL");
      this.#emit({ type: "sending_started", videoId: ticket.video.id, atMs: clock.nowMs() });
      try {
        await transport.put({
          url: ticket.upload_url,
          headers: ticket.upload.headers,
          body: this.#file,
          signal: this.#options.signal,
          onProgress: (sentBytes) => this.#emit({ type: "bytes_sent", sentBytes, atMs: clock.nowMs() }),
        });
      } catch (error) {
        // 412: the URL says If-None-Match, and an earlier attempt did arrive; only its answer was lost.
        if (error instanceof StorageProblem && error.status === 412) return;
        if (isRefusedSignature(error) && refreshes < MAX_URL_REFRESHES) {
          refreshes += 1;
          this.#ticket = null;
          throw new RetryAtOnce();
        }
        throw error;
      }
    });
  }

  /** A ticket whose URL is still good: from `init` for a new video, from `refresh-url` for a known one. */
  async #freshTicket(): Promise<UploadTicket> {
    if (this.#ticket !== null && !this.#isExpiring(this.#ticket)) return this.#ticket;
    this.#ticket = this.#videoId === null ? await this.#init() : await this.#refresh(this.#videoId);
    this.#videoId = this.#ticket.video.id;
    return this.#ticket;
  }

  #isExpiring(ticket: UploadTicket): boolean {
    return Date.parse(ticket.upload.expires_at) - this.#options.ports.clock.nowMs() < EXPIRY_MARGIN_MS;
  }

  #init(): Promise<UploadTicket> {
    const { ports, signal, title, session } = this.#options;
    const idempotencyKey = ports.newIdempotencyKey();
    const body = {
      title,
      session,
      filename: this.#file.name,
      size_bytes: this.#file.size,
      // Empty for types that the browser does not know (.mkv); the server then goes by the extension.
      content_type: this.#file.type,
      // Reading a whole lecture before its first byte is sent would cost minutes; storage checks lengths.
      checksum_crc64nvme: "",
      checksum_crc32: "",
    };
    return this.#withRetries(CALL_POLICY, "server", () => ports.api.init(body, { signal, idempotencyKey }));
  }

  async #refresh(videoId: number): Promise<UploadTicket> {
    const { ports, signal } = this.#options;
    try {
      return await this.#withRetries(CALL_POLICY, "server", () => ports.api.refreshUrl(videoId, signal));
    } catch (error) {
      // Deleted meanwhile, or past its deadline: the file becomes a new video.
      if (hasStatus(error, 404) || isHttpProblem(error, "upload_expired")) return this.#init();
      throw error;
    }
  }

  async #complete(videoId: number): Promise<UploadOutcome> {
    const { ports, signal } = this.#options;
    const idempotencyKey = ports.newIdempotencyKey();
    this.#emit({ type: "all_sent", videoId });
    try {
      const answer: CompletedUpload = await this.#withRetries(CALL_POLICY, "server", () =>
        ports.api.complete(videoId, { signal, idempotencyKey }),
      );
      return this.#accept({ videoId: answer.video.id, enqueue: "sent" });
    } catch (error) {
      // The last answer was still "stored, but the queue is down": the server goes on by itself from here.
      if (isSafeButNotQueued(error)) return this.#accept({ videoId, enqueue: "pending" });
      throw error;
    }
  }

  #accept(outcome: UploadOutcome): UploadOutcome {
    this.#emit({ type: "accepted", videoId: outcome.videoId });
    return outcome;
  }

  /** Repeat `step` while its failure is of the passing kind and the policy allows. */
  async #withRetries<T>(policy: RetryPolicy, reason: WaitReason, step: () => Promise<T>): Promise<T> {
    const { clock, connection } = this.#options.ports;
    const { signal } = this.#options;
    for (let attempt = 1; ; ) {
      try {
        return await step();
      } catch (error) {
        if (error instanceof RetryAtOnce) continue;
        const passing = passingFailure(error);
        if (passing === null || signal.aborted) throw error;
        if (!connection.isOnline()) {
          // Without a network nothing was tried, so nothing is counted.
          this.#emit({ type: "waiting", reason: "offline" });
          await connection.waitUntilOnline(signal);
          continue;
        }
        const limits = isSafeButNotQueued(error) ? QUEUE_POLICY : policy;
        const decision = decideRetry(limits, attempt, { ...passing, random: clock.random() });
        if (decision.kind === "give_up") throw error;
        this.#emit({ type: "waiting", reason: isSafeButNotQueued(error) ? "queue" : reason });
        await clock.sleep(decision.delayMs, signal);
        attempt += 1;
      }
    }
  }

  #emit(event: UploadEvent): void {
    this.#options.onEvent(event);
  }
}

/** The step can be repeated with what it has just learnt. */
class RetryAtOnce extends Error {}

// The same call is still being answered, or storage could not be read just now.
const PASSING_CONFLICTS: ReadonlySet<string> = new Set(["idempotency_in_progress", "presigned_get_failed"]);

function passingFailure(error: unknown): { retryAfterSeconds: number | null } | null {
  if (error instanceof NetworkProblem) return { retryAfterSeconds: null };
  if (error instanceof StorageProblem) return isTransientStatus(error.status) ? { retryAfterSeconds: null } : null;
  if (error instanceof HttpProblem) {
    const { status, code, retryAfterSeconds } = error.facts;
    return isTransientStatus(status) || PASSING_CONFLICTS.has(code) ? { retryAfterSeconds } : null;
  }
  return null;
}

/** 503 `VIDEO_UPLOAD_ENQUEUE_FAILED`: the upload and its job are stored, the queue did not take the message in time. */
function isSafeButNotQueued(error: unknown): boolean {
  return isHttpProblem(error, "VIDEO_UPLOAD_ENQUEUE_FAILED");
}

function isRefusedSignature(error: unknown): boolean {
  return error instanceof StorageProblem && (error.status === 401 || error.status === 403);
}

/** 409 `invalid_status`: someone (an earlier call, the server itself) has accepted the upload. That is done. */
function alreadyAccepted(error: unknown, videoId: number | null): UploadOutcome | null {
  if (videoId === null || !isHttpProblem(error, "invalid_status")) return null;
  const id = asRecord(asRecord(error.facts.body)["video"])["id"];
  return { videoId: typeof id === "number" ? id : videoId, enqueue: "sent" };
}

function isMissingInStorage(error: unknown): boolean {
  return isHttpProblem(error, "upload_incomplete", "source_not_found_or_empty");
}

/** Turn whatever stopped an upload into what the page can say about it. */
export function describeUploadFailure(error: unknown): UploadProblem {
  if (error instanceof HttpProblem) {
    const { code, detail, hint, requestId, status } = error.facts;
    const retryable = status === 401 || status === 409 || isTransientStatus(status);
    return { kind: "refused", code, detail, hint, requestId, retryable };
  }
  if (error instanceof NetworkProblem) return { kind: "network", retryable: true };
  if (error instanceof StorageProblem) return { kind: "storage", status: error.status, retryable: true };
  if (error instanceof DOMException && error.name.startsWith("NotReadable")) {
    return { kind: "unreadable_file", retryable: false };
  }
  return { kind: "unexpected", message: error instanceof Error ? error.message : String(error), retryable: true };
}
