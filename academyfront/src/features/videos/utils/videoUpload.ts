import { assertNever } from "@/shared/assertNever";
import type { CompletedUpload, PlaybackPolicy, UploadTicket, WholeChecksums } from "../api/types";
import { checksumText, type ChecksumAlgorithm } from "../upload/crc";
import {
  acceptedVideoId,
  isExpiredUpload,
  isMissingInStorage,
  isOver,
  isRefusedPut,
  isSafeButNotQueued,
  passingFailure,
} from "../upload/failures";
import { sendParts, type SendProgress } from "../upload/partSender";
import { StorageProblem, type UploadMemory, type UploadPorts } from "../upload/ports";
import { decideRetry } from "../upload/retryPolicy";
import type { ResumePoint, UploadEvent } from "../upload/uploadMachine";

export interface UploadOptions {
  title: string;
  session: string;
  policy: PlaybackPolicy | null;
  /** Continue this upload instead of starting a new video. */
  resume: ResumePoint | null;
  /** Nobody has seen that the file is the one that `resume` began with. */
  isStranger?: boolean;
  signal: AbortSignal;
  onEvent: (event: UploadEvent) => void;
  memory: UploadMemory;
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
const MAX_REFUSED_PUTS = 3;
// The api's usual threshold: smaller files go with one PUT, and its URL binds what `init` said of the file.
const HASHED_BEFORE_BYTES = 16 * 1024 * 1024;
// A bar that moves more often is not seen to, and costs a phone its battery.
const PROGRESS_EVERY_MS = 200;

/**
 * Send a file to object storage and have the api accept it.
 *
 * Whatever happens to the PUT's last answer, `POST /api/v1/media/videos/${videoId}/upload/complete/` is always called
 * once the bytes are in storage, and repeated until it is answered: without it nobody would know of the upload.
 *
 * Resolves when the api has accepted the upload. Throws HttpProblem, StorageProblem, NetworkProblem, DifferentFile,
 * AbortError, or the browser's own error when the file cannot be read any more.
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
  #traceparent: string | null = null;
  #checksums = noChecksums;
  #reported: { atMs: number; storedBytes: number } | null = null;

  constructor(file: File, options: UploadOptions) {
    this.#file = file;
    this.#options = options;
    this.#videoId = options.resume?.videoId ?? null;
    this.#sent = options.resume?.sent ?? false;
  }

  async run(): Promise<UploadOutcome> {
    try {
      return await this.#rounds();
    } catch (error) {
      if (this.#videoId !== null && isOver(error)) await this.#options.memory.forget(this.#videoId);
      throw error;
    }
  }

  async #rounds(): Promise<UploadOutcome> {
    for (let round = 1; ; round += 1) {
      try {
        const videoId = (this.#videoId ??= await this.#begin());
        return await this.#alone(videoId, () => this.#sendAndComplete(videoId));
      } catch (error) {
        const accepted = acceptedVideoId(error, this.#videoId);
        if (accepted !== null) return await this.#accept({ videoId: accepted, enqueue: "sent" });
        if (round >= MAX_ROUNDS) throw error;
        if (isExpiredUpload(error)) await this.#startOver();
        else if (!isMissingInStorage(error)) throw error;
        this.#sent = false;
      }
    }
  }

  /** Find the upload that this file has begun already, or announce a new video. */
  async #begin(): Promise<number> {
    const { memory, ports } = this.#options;
    const fingerprint = await this.#withRetries(() => ports.hashes.fingerprint(this.#file));
    const known = await memory.find(fingerprint);
    if (known !== null) return known.videoId;
    this.#ticket = await this.#init();
    const videoId = this.#ticket.video.id;
    await memory.begin(videoId, { fingerprint, traceparent: await this.#trace(videoId) });
    return videoId;
  }

  async #startOver(): Promise<void> {
    if (this.#videoId !== null) await this.#options.memory.forget(this.#videoId);
    this.#videoId = null;
    this.#ticket = null;
  }

  #alone<T>(videoId: number, work: () => Promise<T>): Promise<T> {
    const { ports, signal } = this.#options;
    let wasHeld = false;
    return ports.locks.hold(
      videoId,
      () => {
        if (wasHeld) this.#emit({ type: "taken_over" });
        return work();
      },
      {
        signal,
        onHeld: () => {
          wasHeld = true;
          this.#emit({ type: "held_elsewhere", videoId });
        },
      },
    );
  }

  async #sendAndComplete(videoId: number): Promise<UploadOutcome> {
    if (!this.#sent) {
      this.#reported = null;
      const ticket = this.#ticket ?? (await this.#freshTicket(videoId));
      if (ticket.upload.strategy === "multipart") await this.#sendInParts(ticket);
      else await this.#sendAtOnce(ticket);
      this.#sent = true;
    }
    return this.#complete(videoId);
  }

  async #sendInParts(ticket: UploadTicket): Promise<void> {
    const { ports, signal } = this.#options;
    const { part_size_bytes: partSizeBytes, part_count: partCount, checksum_algorithm: algorithm } = ticket.upload;
    if (partSizeBytes === null || partCount === null) throw new Error("an upload in parts without a plan");
    const videoId = ticket.video.id;
    const checksum = await sendParts(
      this.#file,
      { partSizeBytes, partCount },
      {
        transport: ports.transport,
        storedParts: () => this.#withRetries(() => ports.api.storedParts(videoId, signal)),
        sign: (parts) => this.#withRetries(() => ports.api.signParts(videoId, parts, signal)),
        checksums:
          algorithm === null ? null : { algorithm, of: (blob) => this.#checksum(algorithm, blob) },
        isPassing: (error) => passingFailure(error) !== null,
        backOff: (error, setbacks) => this.#backOff(error, setbacks),
        onProgress: (progress) => this.#report(videoId, progress),
        nowMs: () => ports.clock.nowMs(),
        signal,
      },
      { isStranger: this.#options.isStranger ?? false },
    );
    this.#checksums = wholeChecksums(algorithm, checksum);
  }

  async #sendAtOnce(first: UploadTicket): Promise<void> {
    const { transport } = this.#options.ports;
    const videoId = first.video.id;
    this.#report(videoId, { sentBytes: 0, storedBytes: 0 });
    let refusals = 0;
    let next: UploadTicket | null = first;
    await this.#withRetries(async () => {
      const ticket = next ?? (await this.#freshTicket(videoId));
      next = null;
      if (ticket.upload_url === null) throw new Error("an upload in one PUT without a URL");
      try {
        await transport.put({
          url: ticket.upload_url,
          headers: ticket.upload.headers,
          body: this.#file,
          signal: this.#options.signal,
          onProgress: (sentBytes) => this.#report(videoId, { sentBytes, storedBytes: 0 }),
        });
      } catch (error) {
        // 412: the URL says If-None-Match, and an earlier attempt did arrive; only its answer was lost.
        if (error instanceof StorageProblem && error.status === 412) return;
        if (!isRefusedPut(error) || refusals >= MAX_REFUSED_PUTS) throw error;
        refusals += 1;
        this.#ticket = null;
        throw new RetryAtOnce();
      }
    });
  }

  /** A ticket whose URL is still good: from `init` for a new video, from `refresh-url` for a known one. */
  async #freshTicket(videoId: number): Promise<UploadTicket> {
    const { ports, signal } = this.#options;
    if (this.#ticket === null || this.#isExpiring(this.#ticket)) {
      this.#ticket = await this.#withRetries(() => ports.api.refreshUrl(videoId, signal));
    }
    return this.#ticket;
  }

  #isExpiring(ticket: UploadTicket): boolean {
    return Date.parse(ticket.upload.expires_at) - this.#options.ports.clock.nowMs() < EXPIRY_MARGIN_MS;
  }

  async #init(): Promise<UploadTicket> {
    const { ports, signal, title, session, policy } = this.#options;
    const idempotencyKey = ports.newIdempotencyKey();
    const body = {
      title,
      session,
      ...(policy === null ? {} : { policy }),
      filename: this.#file.name,
      size_bytes: this.#file.size,
      // Empty for types that the browser does not know (.mkv); the server then goes by the extension.
      content_type: this.#file.type,
      // Of a file in parts every part has its own, and the whole follows from them.
      ...(this.#file.size < HASHED_BEFORE_BYTES ? await this.#checksumsOfSmallFile() : noChecksums),
    };
    const traceparent = await this.#trace(null);
    return this.#withRetries(() => ports.api.init(body, { signal, idempotencyKey, traceparent }));
  }

  /** Which of them storage can check is known only when the server has answered. */
  async #checksumsOfSmallFile(): Promise<WholeChecksums> {
    return {
      checksum_crc64nvme: checksumText("CRC64NVME", await this.#checksum("CRC64NVME", this.#file)),
      checksum_crc32: checksumText("CRC32", await this.#checksum("CRC32", this.#file)),
    };
  }

  /** What hashes is loaded over the network, too. */
  #checksum(algorithm: ChecksumAlgorithm, blob: Blob): Promise<bigint> {
    return this.#withRetries(() => this.#options.ports.hashes.checksum(algorithm, blob));
  }

  async #complete(videoId: number): Promise<UploadOutcome> {
    const { ports, signal } = this.#options;
    const idempotencyKey = ports.newIdempotencyKey();
    const traceparent = await this.#trace(videoId);
    this.#emit({ type: "all_sent", videoId });
    try {
      const answer: CompletedUpload = await this.#withRetries(() =>
        ports.api.complete(videoId, this.#checksums, { signal, idempotencyKey, traceparent }),
      );
      return await this.#accept({ videoId: answer.video.id, enqueue: "sent" });
    } catch (error) {
      // The last answer was still "stored, but the queue is down": the server goes on by itself from here.
      if (isSafeButNotQueued(error)) return this.#accept({ videoId, enqueue: "pending" });
      throw error;
    }
  }

  /** One upload is one trace, from its first click on, however often it is resumed. */
  async #trace(videoId: number | null): Promise<string> {
    const { memory, ports } = this.#options;
    const begun = this.#traceparent ?? (videoId === null ? null : await memory.traceparentOf(videoId));
    return (this.#traceparent = begun ?? ports.newTraceparent());
  }

  async #accept(outcome: UploadOutcome): Promise<UploadOutcome> {
    await this.#options.memory.forget(outcome.videoId);
    this.#emit({ type: "accepted", videoId: outcome.videoId });
    return outcome;
  }

  /** Repeat `step` while its failure is of the passing kind and its policy allows. */
  async #withRetries<T>(step: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await step();
      } catch (error) {
        if (error instanceof RetryAtOnce) continue;
        await this.#backOff(error, attempt);
      }
    }
  }

  /** Wait until it makes sense to try again after the `attempt`-th failure in a row; throw it when it does not. */
  async #backOff(error: unknown, attempt: number): Promise<void> {
    const { ports, signal } = this.#options;
    const passing = passingFailure(error);
    if (passing === null || signal.aborted) throw error;
    if (!ports.connection.isOnline()) {
      this.#emit({ type: "waiting", reason: "offline" });
      await ports.connection.waitUntilOnline(signal);
      return;
    }
    const { policy, reason, retryAfterSeconds } = passing;
    const decision = decideRetry(policy, attempt, { retryAfterSeconds, random: ports.clock.random() });
    if (decision.kind === "give_up") throw error;
    this.#emit({ type: "waiting", reason });
    await ports.clock.sleep(decision.delayMs, signal);
  }

  #report(videoId: number, { sentBytes, storedBytes }: SendProgress): void {
    const atMs = this.#options.ports.clock.nowMs();
    const reported = this.#reported;
    if (reported === null) this.#emit({ type: "sending_started", videoId, storedBytes, atMs });
    else if (atMs - reported.atMs < PROGRESS_EVERY_MS && storedBytes === reported.storedBytes) return;
    else this.#emit({ type: "bytes_sent", sentBytes, storedBytes, atMs });
    this.#reported = { atMs, storedBytes };
    this.#options.memory.progress(videoId, storedBytes);
  }

  #emit(event: UploadEvent): void {
    this.#options.onEvent(event);
  }
}

/** The step can be repeated with what it has just learnt. */
class RetryAtOnce extends Error {}

const noChecksums: WholeChecksums = { checksum_crc64nvme: "", checksum_crc32: "" };

function wholeChecksums(algorithm: ChecksumAlgorithm | null, checksum: bigint | null): WholeChecksums {
  if (algorithm === null || checksum === null) return noChecksums;
  const text = checksumText(algorithm, checksum);
  switch (algorithm) {
    case "CRC64NVME":
      return { ...noChecksums, checksum_crc64nvme: text };
    case "CRC32":
      return { ...noChecksums, checksum_crc32: text };
    default:
      return assertNever(algorithm);
  }
}
