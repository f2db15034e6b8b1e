import type { CompletedUpload, UploadInit, UploadTicket } from "../api/types";
import type { PartTicket, StoredParts } from "./partSender";

/** The api's upload calls. Each throws HttpProblem, NetworkProblem or AbortError, and nothing else. */
export interface UploadApi {
  init(body: UploadInit, options: CallOptions): Promise<UploadTicket>;
  refreshUrl(videoId: number, signal: AbortSignal): Promise<UploadTicket>;
  storedParts(videoId: number, signal: AbortSignal): Promise<StoredParts>;
  signParts(videoId: number, partNumbers: number[], signal: AbortSignal): Promise<PartTicket[]>;
  complete(videoId: number, options: CallOptions): Promise<CompletedUpload>;
}

export interface CallOptions {
  signal: AbortSignal;
  /** The same for every repetition of one call, so that the server can recognise it. */
  idempotencyKey: string;
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

export interface Clock {
  nowMs(): number;
  /** Resolves after the delay; rejects with AbortError when the signal fires first. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
  random(): number;
}

export interface Connection {
  isOnline(): boolean;
  waitUntilOnline(signal: AbortSignal): Promise<void>;
}

export interface UploadPorts {
  api: UploadApi;
  transport: ObjectTransport;
  clock: Clock;
  connection: Connection;
  newIdempotencyKey: () => string;
}
