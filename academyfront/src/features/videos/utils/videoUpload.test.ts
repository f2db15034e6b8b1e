import { describe, expect, it } from "vitest";
import { HttpProblem, NetworkProblem } from "@/shared/api/problem";
import type { CompletedUpload, UploadTicket, Video } from "../api/types";
import { StorageProblem, type PutRequest, type UploadPorts } from "../upload/ports";
import type { UploadEvent } from "../upload/uploadMachine";
import { describeUploadFailure, uploadFileToR2AndComplete, type UploadOptions } from "./videoUpload";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const file = new File(["0123456789"], "강의.mp4", { type: "video/mp4" });

/** A server and a storage that answer each call with the next entry of its script; the last entry repeats. */
interface Script {
  init?: (Error | "ok")[];
  put?: (Error | "ok")[];
  refresh?: (Error | "ok")[];
  complete?: (Error | "ok")[];
  expiresInMs?: number;
}

function world(script: Script = {}) {
  const calls: string[] = [];
  const keys: Record<"init" | "complete", string[]> = { init: [], complete: [] };
  const puts: PutRequest[] = [];
  const delaysMs: number[] = [];
  const events: UploadEvent[] = [];
  let isOnline = true;
  let nextKey = 1;

  const answer = (name: "init" | "put" | "refresh" | "complete") => {
    const steps = script[name] ?? ["ok"];
    const step = steps[Math.min(calls.filter((call) => call === name).length, steps.length - 1)];
    calls.push(name);
    if (step instanceof Error) throw step;
  };
  const ports: UploadPorts = {
    api: {
      init: (_, { idempotencyKey }) => resolved(() => (keys.init.push(idempotencyKey), answer("init"), ticket("first"))),
      storedParts: () => resolved(() => ({ parts: [], complete: false })),
      signParts: (_, numbers) =>
        resolved(() => numbers.map((number) => ({ part_number: number, url: `part-${number}`, headers: {} }))),
      refreshUrl: () => resolved(() => (answer("refresh"), ticket("fresh"))),
      complete: (_, { idempotencyKey }) =>
        resolved(() => (keys.complete.push(idempotencyKey), answer("complete"), completed())),
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
    newIdempotencyKey: () => `key-${nextKey++}`,
  };
  const ticket = (name: string): UploadTicket => ({
    video: video(7),
    upload_url: `https://storage.invalid/${name}`,
    file_key: "k",
    content_type: "video/mp4",
    upload: {
      strategy: "single",
      method: "PUT",
      headers: { "Content-Type": "video/mp4", "If-None-Match": "*" },
      part_size_bytes: null,
      part_count: null,
      expires_at: new Date(NOW_MS + (script.expiresInMs ?? 3_600_000)).toISOString(), checksum_algorithm: null,
    },
  });
  const run = (options: Partial<UploadOptions> = {}) =>
    uploadFileToR2AndComplete(file, {
      title: "강의",
      session: "",
      resume: null,
      signal: new AbortController().signal,
      onEvent: (event) => events.push(event),
      ports,
      ...options,
    });
  return { calls, keys, puts, delaysMs, events, run, goOffline: () => (isOnline = false) };
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

describe("an upload that goes well", () => {
  it("announces, sends with exactly the named headers, and completes", async () => {
    const { calls, puts, events, run } = world();
    await expect(run()).resolves.toEqual({ videoId: 7, enqueue: "sent" });
    expect(calls).toEqual(["init", "put", "complete"]);
    expect(puts[0]?.headers).toEqual({ "Content-Type": "video/mp4", "If-None-Match": "*" });
    expect(events.map(({ type }) => type)).toEqual(["sending_started", "bytes_sent", "all_sent", "accepted"]);
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

  it("announces once: repetitions of init carry the same key", async () => {
    const { keys, run } = world({ init: [cut, "ok"] });
    await run();
    expect(keys.init).toEqual(["key-1", "key-1"]);
  });

  it("stops for good when it is cancelled", async () => {
    const abort = new AbortController();
    const { calls, run } = world({ put: [new DOMException("aborted", "AbortError")] });
    abort.abort();
    await expect(run({ signal: abort.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(calls).not.toContain("complete");
  });
});

describe("a resumed upload", () => {
  it("continues its video with a fresh URL and announces nothing", async () => {
    const { calls, run } = world();
    await run({ resume: { videoId: 7, sent: false } });
    expect(calls).toEqual(["refresh", "put", "complete"]);
  });

  it("only completes when all bytes had arrived", async () => {
    const { calls, run } = world();
    await run({ resume: { videoId: 7, sent: true } });
    expect(calls).toEqual(["complete"]);
  });

  it("is done when the server has finished it meanwhile", async () => {
    const { calls, run } = world({ refresh: [refusal(409, "invalid_status")] });
    await expect(run({ resume: { videoId: 7, sent: false } })).resolves.toEqual({ videoId: 7, enqueue: "sent" });
    expect(calls).toEqual(["refresh"]);
  });

  it("becomes a new video when the old one's time has run out", async () => {
    const { calls, run } = world({ refresh: [refusal(410, "upload_expired")] });
    await run({ resume: { videoId: 7, sent: false } });
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

  it("offers a retry after the connection broke", () => {
    expect(describeUploadFailure(cut)).toEqual({ kind: "network", retryable: true });
  });
});
