import type { CompletedUpload, UploadInit, UploadTicket, WholeChecksums } from "../api/types";
import type { ChecksumAlgorithm } from "./crc";
import type { PartToSign, SignedParts, StoredParts } from "./partSender";
import type { ResumePoint } from "./uploadMachine";

/** The api's upload calls. Each throws HttpProblem, NetworkProblem or AbortError, and nothing else. */
export interface UploadApi {
  init(body: UploadInit, options: CallOptions): Promise<UploadTicket>;
  refreshUrl(videoId: number, signal: AbortSignal): Promise<UploadTicket>;
  storedParts(videoId: number, signal: AbortSignal): Promise<StoredParts>;
  signParts(videoId: number, parts: readonly PartToSign[], signal: AbortSignal): Promise<SignedParts>;
  complete(videoId: number, checksums: WholeChecksums, options: CallOptions): Promise<CompletedUpload>;
}

export interface CallOptions {
  signal: AbortSignal;
  /** The same for every repetition of one call, so that the server can recognise it. */
  idempotencyKey: string;
  /** The same for all calls of one upload: whoever looks into it finds them, and what follows from them, as one trace. */
  traceparent: string;
}

export interface PutRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: Blob;
  signal: AbortSignal;
  onProgress: (sentBytes: number) => void;
}

/** Object storage. Resolves when it has acknowledged all bytes; else throws StorageProblem, NetworkProblem or AbortError. */
export interface ObjectTransport {
  put(request: PutRequest): Promise<void>;
}

/** Storage answered, and refused. */
export class StorageProblem extends Error {
  readonly kind = "storage";
  readonly status: number;

  constructor(status: number) {
    super(`storage answered ${status}`);
    this.name = "StorageProblem";
    this.status = status;
  }
}

/** The chosen file is not the one that this upload began with. */
export class DifferentFile extends Error {
  readonly kind = "different_file";

  constructor() {
    super("not the file that this upload began with");
    this.name = "DifferentFile";
  }
}

/** Reads files away from the page's thread. Rejects with the browser's own error when a file cannot be read. */
export interface Hashes {
  checksum(algorithm: ChecksumAlgorithm, blob: Blob): Promise<bigint>;
  fingerprint(file: Blob): Promise<string>;
}

/** Sees that one upload is sent by one tab at a time. */
export interface UploadLocks {
  /** Run `work` once no other tab is at this video; `onHeld` is called first when one is. Rejects with AbortError. */
  hold<T>(videoId: number, work: () => Promise<T>, options: { signal: AbortSignal; onHeld: () => void }): Promise<T>;
}

/** Remembers a running upload beyond this visit. Never rejects: an upload must not fail because it cannot be kept. */
export interface UploadMemory {
  /** The video of an unfinished upload of this very file, if there is one. */
  find(fingerprint: string): Promise<ResumePoint | null>;
  begin(videoId: number, upload: { fingerprint: string; traceparent: string }): Promise<void>;
  /** The trace in which an upload was begun, if that is known. */
  traceparentOf(videoId: number): Promise<string | null>;
  progress(videoId: number, storedBytes: number): void;
  forget(videoId: number): Promise<void>;
}

export interface Clock {
  nowMs(): number;
  /** Resolves after the delay; rejects with AbortError when the signal fires first. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
  random(): number;
}

export interface Connection {
  isOnline(): boolean;
  /** Resolves when the browser believes that there is a network, and after a while anyway: it may be wrong. */
  waitUntilOnline(signal: AbortSignal): Promise<void>;
}

export interface UploadPorts {
  api: UploadApi;
  transport: ObjectTransport;
  clock: Clock;
  connection: Connection;
  hashes: Hashes;
  locks: UploadLocks;
  newIdempotencyKey: () => string;
  newTraceparent: () => string;
}
