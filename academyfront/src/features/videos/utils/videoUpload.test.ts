import { describe, expect, it } from "vitest";
import { HttpProblem, NetworkProblem } from "@/shared/api/problem";
import type { CompletedUpload, UploadInit, UploadTicket, Video, WholeChecksums } from "../api/types";
import { checksumText } from "../upload/crc";
import { describeUploadFailure } from "../upload/failures";
import { checksumOf, fingerprintOf } from "../upload/hashing";
import { StorageProblem, type PutRequest, type UploadMemory, type UploadPorts } from "../upload/ports";
import type { ResumePoint, UploadEvent } from "../upload/uploadMachine";
import { uploadFileToR2AndComplete, type UploadOptions } from "./videoUpload";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const file = new File(["0123456789"], "강의.mp4", { type: "video/mp4" });

/** A server and a storage that answer each call with the next entry of its script; the last entry repeats. */
interface Script {
  init?: (Error | "ok")[];
  put?: (Error | "ok")[];
  refresh?: (Error | "ok")[];
  complete?: (Error | "ok")[];
  expiresInMs?: number;
  /** Answer `init` and `refresh-url` with a plan of four parts instead of one URL. */
  inParts?: boolean;
  /** What this browser remembers of the file. */
  known?: ResumePoint;
  /** The trace that this browser has kept with it. */
  begunIn?: string;
  /** Another tab is at it, until this many asks later. */
  isHeld?: boolean;
}

function world(script: Script = {}) {
  const calls: string[] = [];
  const keys: Record<"init" | "complete", string[]> = { init: [], complete: [] };
  const puts: PutRequest[] = [];
  const delaysMs: number[] = [];
  const events: UploadEvent[] = [];
  const said: { init: UploadInit[]; complete: WholeChecksums[] } = { init: [], complete: [] };
  const remembered: string[] = [];
  let isOnline = true;
  let nextKey = 1;
  let nextTrace = 1;
  const traces: string[] = [];

  const answer = (name: "init" | "put" | "refresh" | "complete") => {
    const steps = script[name] ?? ["ok"];
    const step = steps[Math.min(calls.filter((call) => call === name).length, steps.length - 1)];
    calls.push(name);
    if (step instanceof Error) throw step;
  };
  const ports: UploadPorts = {
    api: {
      init: (body, { idempotencyKey, traceparent }) =>
        resolved(() => {
          said.init.push(body);
          keys.init.push(idempotencyKey);
          traces.push(traceparent);
          answer("init");
          return ticket("first");
        }),
      storedParts: () => resolved(() => ({ parts: [], complete: false })),
      signParts: (_, parts) =>
        resolved(() => ({
          parts: parts.map(({ partNumber }) => ({ part_number: partNumber, url: `part-${partNumber}`, headers: {} })),
          expiresAtMs: NOW_MS + 3_600_000,
        })),
      refreshUrl: () => resolved(() => (answer("refresh"), ticket("fresh"))),
      complete: (_, checksums, { idempotencyKey, traceparent }) =>
        resolved(() => {
          said.complete.push(checksums);
          keys.complete.push(idempotencyKey);
          traces.push(traceparent);
          answer("complete");
          return completed();
        }),
    },
    transport: {
      put: (request) =>
        resolved(() => {
          puts.push(request);
          request.onProgress(5);
          answer("put");
        }),
    },
    clock: {
      nowMs: () => NOW_MS,
      random: () => 1,
      sleep: (delayMs) => resolved(() => void delaysMs.push(delayMs)),
    },
    connection: {
      isOnline: () => isOnline,
      waitUntilOnline: () => resolved(() => void (isOnline = true)),
    },
    hashes: { checksum: checksumOf, fingerprint: fingerprintOf },
    locks: {
      hold: async (_, work, { onHeld }) => {
        if (script.isHeld === true) onHeld();
        return work();
      },
    },
    newIdempotencyKey: () => `key-${nextKey++}`,
    newTraceparent: () => `trace-${nextTrace++}`,
  };
  const memory: UploadMemory = {
    find: () => Promise.resolve(script.known ?? null),
    begin: (videoId) => resolved(() => void remembered.push(`begin ${videoId}`)),
    traceparentOf: () => Promise.resolve(script.begunIn ?? null),
    progress: () => undefined,
    forget: (videoId) => resolved(() => void remembered.push(`forget ${videoId}`)),
  };
  const ticket = (name: string): UploadTicket => ({
    video: video(7),
    upload_url: script.inParts === true ? null : `https://storage.invalid/${name}`,
    file_key: "k",
    content_type: "video/mp4",
    upload: {
      strategy: script.inParts === true ? "multipart" : "single",
      method: "PUT",
      headers: { "Content-Type": "video/mp4", "If-None-Match": "*" },
      part_size_bytes: script.inParts === true ? 3 : null,
      part_count: script.inParts === true ? 4 : null,
      expires_at: new Date(NOW_MS + (script.expiresInMs ?? 3_600_000)).toISOString(),
      checksum_algorithm: "CRC64NVME",
    },
  });
  const run = (options: Partial<UploadOptions> = {}) =>
    uploadFileToR2AndComplete(file, {
      title: "강의",
      session: "",
      policy: null,
      resume: null,
      signal: new AbortController().signal,
      onEvent: (event) => events.push(event),
      memory,
      ports,
      ...options,
    });
  return { calls, keys, traces, puts, delaysMs, events, said, remembered, run, goOffline: () => (isOnline = false) };
}

/** Ports are asynchronous: what they throw arrives as a rejection. */
function resolved<T>(step: () => T): Promise<T> {
  return Promise.resolve().then(step);
}

function video(id: number): Video {
  return { id } as Video;
}

function completed(): CompletedUpload {
  return { video: video(7), job_id: "j", enqueue: "sent", verification: "verified" };
}

function refusal(status: number, code: string, more: { retryAfterSeconds?: number; body?: unknown } = {}): HttpProblem {
  return new HttpProblem({
    status,
    code,
    detail: `${code} happened`,
    hint: "do this",
    requestId: "r",
    fields: {},
    retryAfterSeconds: more.retryAfterSeconds ?? null,
    body: more.body ?? {},
  });
}

const cut = new NetworkProblem("cut");
const WHOLE_CRC64 = checksumText("CRC64NVME", await checksumOf("CRC64NVME", file));

describe("an upload that goes well", () => {
  it("announces, sends with exactly the named headers, and completes", async () => {
    const { calls, puts, events, run } = world();
    await expect(run()).resolves.toEqual({ videoId: 7, enqueue: "sent" });
    expect(calls).toEqual(["init", "put", "complete"]);
    expect(puts[0]?.headers).toEqual({ "Content-Type": "video/mp4", "If-None-Match": "*" });
    expect(events.map(({ type }) => type)).toEqual(["sending_started", "all_sent", "accepted"]);
  });

  it("is remembered from its first moment until it is accepted", async () => {
    const { remembered, run } = world();
    await run();
    expect(remembered).toEqual(["begin 7", "forget 7"]);
  });

  it("tells the checksums of a small file before a byte is sent", async () => {
    const { said, run } = world();
    await run();
    expect(said.init[0]).toMatchObject({ checksum_crc64nvme: WHOLE_CRC64, checksum_crc32: "poTHxg==" });
  });

  it("goes in parts where the server says so, and gives their joint checksum to complete", async () => {
    const { calls, puts, said, run } = world({ inParts: true });
    await run();
    expect(puts.map(({ url }) => url).sort()).toEqual(["part-1", "part-2", "part-3", "part-4"]);
    expect(calls.at(-1)).toBe("complete");
    expect(said.complete).toEqual([{ checksum_crc64nvme: WHOLE_CRC64, checksum_crc32: "" }]);
  });
});

describe("complete", () => {
  it("is called even when storage says that the object is already there", async () => {
    const { calls, run } = world({ put: [cut, new StorageProblem(412)] });
    await run();
    expect(calls).toEqual(["init", "put", "put", "complete"]);
  });

  it("is repeated after 503 for as long as Retry-After says, with the same key, without sending again", async () => {
    const busy = refusal(503, "VIDEO_UPLOAD_ENQUEUE_FAILED", { retryAfterSeconds: 5 });
    const { calls, delaysMs, events, keys, run } = world({ complete: [busy, busy, "ok"] });
    await expect(run()).resolves.toMatchObject({ enqueue: "sent" });
    expect(calls).toEqual(["init", "put", "complete", "complete", "complete"]);
    expect(delaysMs).toEqual([5_000, 5_000]);
    expect(new Set(keys.complete).size).toBe(1);
    expect(events).toContainEqual({ type: "waiting", reason: "queue" });
  });

  it("is repeated when its answer was lost, and reads invalid_status as done", async () => {
    const done = refusal(409, "invalid_status", { body: { video: { id: 7, status: "UPLOADED" }, job_id: "j" } });
    const { calls, events, run } = world({ complete: [cut, done] });
    await expect(run()).resolves.toEqual({ videoId: 7, enqueue: "sent" });
    expect(calls).toEqual(["init", "put", "complete", "complete"]);
    expect(events.at(-1)).toEqual({ type: "accepted", videoId: 7 });
  });

  it("counts as accepted when only the queue stays down: the server sends the message itself", async () => {
    const { calls, run } = world({ complete: [refusal(503, "VIDEO_UPLOAD_ENQUEUE_FAILED")] });
    await expect(run()).resolves.toEqual({ videoId: 7, enqueue: "pending" });
    expect(calls).toEqual(["init", "put", "complete", "complete", "complete", "complete"]);
  });

  it("sends the bytes again when storage turns out not to have them", async () => {
    const { calls, run } = world({ complete: [refusal(409, "source_not_found_or_empty"), "ok"] });
    await run();
    expect(calls).toEqual(["init", "put", "complete", "put", "complete"]);
  });

  it("does not go round for ever when the object never appears", async () => {
    const { calls, run } = world({ complete: [refusal(409, "upload_incomplete")] });
    await expect(run()).rejects.toMatchObject({ facts: { code: "upload_incomplete" } });
    expect(calls.filter((call) => call === "put")).toHaveLength(3);
  });

  it("passes on the server's verdict about the file, without trying again", async () => {
    const { calls, run } = world({ complete: [refusal(422, "unsupported_media")] });
    await expect(run()).rejects.toBeInstanceOf(HttpProblem);
    expect(calls).toEqual(["init", "put", "complete"]);
  });
});

describe("sending", () => {
  it("asks for a fresh URL when storage refuses the old one", async () => {
    const { calls, puts, delaysMs, run } = world({ put: [new StorageProblem(403), "ok"] });
    await run();
    expect(calls).toEqual(["init", "put", "refresh", "put", "complete"]);
    expect(puts.map(({ url }) => url)).toEqual(["https://storage.invalid/first", "https://storage.invalid/fresh"]);
    expect(delaysMs).toEqual([]);
  });

  it("gives up when storage refuses every URL", async () => {
    const { calls, run } = world({ put: [new StorageProblem(403)] });
    await expect(run()).rejects.toMatchObject({ status: 403 });
    expect(calls.filter((call) => call === "put")).toHaveLength(4);
    expect(calls).not.toContain("complete");
  });

  it("refreshes a URL that has expired while the upload waited", async () => {
    const { calls, run } = world({ put: [cut, "ok"], expiresInMs: 10_000 });
    await run();
    expect(calls).toEqual(["init", "put", "refresh", "put", "complete"]);
  });

  it("waits for the network without counting the wait as an attempt", async () => {
    const { calls, events, delaysMs, run, goOffline } = world({ put: [cut, "ok"] });
    goOffline();
    await run();
    expect(calls).toEqual(["init", "put", "put", "complete"]);
    expect(events).toContainEqual({ type: "waiting", reason: "offline" });
    expect(delaysMs).toEqual([]);
  });

  it("stops at a refusal that repeating cannot change", async () => {
    const { calls, run } = world({ init: [refusal(413, "size_not_allowed")] });
    await expect(run()).rejects.toMatchObject({ facts: { status: 413 } });
    expect(calls).toEqual(["init"]);
  });

  it("does not wait for a quota that is used up", async () => {
    const { calls, run } = world({ init: [refusal(429, "quota_exceeded")] });
    await expect(run()).rejects.toMatchObject({ facts: { code: "quota_exceeded" } });
    expect(calls).toEqual(["init"]);
  });

  it("goes on after an outage of any length", async () => {
    const { calls, delaysMs, run } = world({ put: [...Array<Error>(200).fill(cut), "ok"] });
    await run();
    expect(calls.filter((call) => call === "put")).toHaveLength(201);
    expect(Math.max(...delaysMs)).toBe(30_000);
  });

  it("sends damaged bytes again, and stops when they are refused for ever", async () => {
    const once = world({ put: [new StorageProblem(400), "ok"] });
    await once.run();
    expect(once.calls).toEqual(["init", "put", "refresh", "put", "complete"]);
    const always = world({ put: [new StorageProblem(400)] });
    await expect(always.run()).rejects.toMatchObject({ status: 400 });
    expect(always.calls.filter((call) => call === "put")).toHaveLength(4);
  });

  it("announces once: repetitions of init carry the same key", async () => {
    const { keys, run } = world({ init: [cut, "ok"] });
    await run();
    expect(keys.init).toEqual(["key-1", "key-1"]);
  });

  it("is one trace from init to complete, whatever is repeated", async () => {
    const { traces, run } = world({ init: [cut, "ok"], complete: [cut, "ok"] });
    await run();
    expect(traces).toEqual(["trace-1", "trace-1", "trace-1", "trace-1"]);
  });

  it("stops for good when it is cancelled", async () => {
    const abort = new AbortController();
    const { calls, run } = world({ put: [new DOMException("aborted", "AbortError")] });
    abort.abort();
    await expect(run({ signal: abort.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(calls).not.toContain("complete");
  });
});

const LEFT: ResumePoint = { videoId: 7, sent: false, storedBytes: 0 };

describe("a resumed upload", () => {
  it("is found again when the same file is chosen as if it were fresh", async () => {
    const { calls, run } = world({ known: LEFT });
    await run();
    expect(calls).toEqual(["refresh", "put", "complete"]);
  });

  it("goes on with the trace in which it was begun, or a fresh one when that was not kept", async () => {
    const kept = world({ begunIn: "trace-of-the-click" });
    await kept.run({ resume: LEFT });
    expect(kept.traces).toEqual(["trace-of-the-click"]);
    const lost = world();
    await lost.run({ resume: LEFT });
    expect(lost.traces).toEqual(["trace-1"]);
  });

  it("waits while another tab is at it, and says so", async () => {
    const { events, run } = world({ isHeld: true });
    await run({ resume: LEFT });
    expect(events.map(({ type }) => type).slice(0, 2)).toEqual(["held_elsewhere", "taken_over"]);
  });

  it("stops and is forgotten when its video was deleted", async () => {
    const { calls, remembered, run } = world({ refresh: [refusal(404, "not_found")] });
    await expect(run({ resume: LEFT })).rejects.toMatchObject({ facts: { status: 404 } });
    expect(calls).toEqual(["refresh"]);
    expect(remembered).toEqual(["forget 7"]);
  });

  it("continues its video with a fresh URL and announces nothing", async () => {
    const { calls, run } = world();
    await run({ resume: LEFT });
    expect(calls).toEqual(["refresh", "put", "complete"]);
  });

  it("only completes when all bytes had arrived", async () => {
    const { calls, run } = world();
    await run({ resume: { ...LEFT, sent: true } });
    expect(calls).toEqual(["complete"]);
  });

  it("is done when the server has finished it meanwhile", async () => {
    const { calls, run } = world({ refresh: [refusal(409, "invalid_status")] });
    await expect(run({ resume: LEFT })).resolves.toEqual({ videoId: 7, enqueue: "sent" });
    expect(calls).toEqual(["refresh"]);
  });

  it("becomes a new video when the old one's time has run out", async () => {
    const { calls, run } = world({ refresh: [refusal(410, "upload_expired")] });
    await run({ resume: LEFT });
    expect(calls).toEqual(["refresh", "init", "put", "complete"]);
  });
});

describe("what the page can say about a failure", () => {
  it("uses the server's own words and offers no retry for a file that can never work", () => {
    expect(describeUploadFailure(refusal(422, "unsupported_media"))).toMatchObject({
      kind: "refused",
      detail: "unsupported_media happened",
      hint: "do this",
      retryable: false,
    });
  });

  it("starts over with a new video when the old one was deleted", () => {
    expect(describeUploadFailure(refusal(404, "not_found"))).toEqual({ kind: "deleted", retryable: true });
  });

  it("knows a file that was moved or changed", () => {
    expect(describeUploadFailure(new DOMException("gone", "NotFoundError")).kind).toBe("unreadable_file");
    expect(describeUploadFailure(new DOMException("changed", "NotReadableError")).kind).toBe("unreadable_file");
  });

  it("offers a retry after the connection broke", () => {
    expect(describeUploadFailure(cut)).toEqual({ kind: "network", retryable: true });
  });
});
