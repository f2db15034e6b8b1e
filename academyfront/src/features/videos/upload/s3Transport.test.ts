import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NetworkProblem } from "@/shared/api/problem";
import { StorageProblem } from "./ports";
import { ACKNOWLEDGE_MS, STALL_MS, s3Transport } from "./s3Transport";

/** A request that does only what the test says, and tells its listeners as a browser does. */
class ScriptedRequest {
  static last: ScriptedRequest;
  readonly headers: Record<string, string> = {};
  upload: { onprogress?: (event: { loaded: number }) => void; onload?: () => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  status = 0;
  url = "";

  constructor() {
    ScriptedRequest.last = this;
  }

  open(_: string, url: string): void {
    this.url = url;
  }

  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }

  send(): void {
    this.status = 0;
  }

  abort(): void {
    this.onabort?.();
  }

  answer(status: number): void {
    this.status = status;
    this.onload?.();
  }
}

function put(signal = new AbortController().signal) {
  const progress: number[] = [];
  const done = s3Transport.put({
    url: "https://storage.invalid/1",
    headers: { "x-amz-checksum-crc64nvme": "abc", "Content-Length": "4", Host: "storage.invalid" },
    body: new Blob(["1234"]),
    signal,
    onProgress: (sentBytes) => void progress.push(sentBytes),
  });
  // Looked at by the tests below; a rejection that comes before is not unhandled.
  done.catch(() => undefined);
  return { done, progress, request: ScriptedRequest.last };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("XMLHttpRequest", ScriptedRequest);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a PUT to storage", () => {
  it("sends the named headers, but for those that only the browser may set", async () => {
    const { done, progress, request } = put();
    request.upload.onprogress?.({ loaded: 3 });
    request.answer(200);
    await expect(done).resolves.toBeUndefined();
    expect(request.headers).toEqual({ "x-amz-checksum-crc64nvme": "abc" });
    expect(progress).toEqual([3]);
  });

  it("passes storage's refusal on", async () => {
    const { done, request } = put();
    request.answer(400);
    await expect(done).rejects.toEqual(new StorageProblem(400));
  });

  it("is given up when no byte moves for half a minute, however long it has been going", async () => {
    const { done, request } = put();
    for (let loaded = 1; loaded <= 3; loaded += 1) {
      vi.advanceTimersByTime(STALL_MS - 1);
      request.upload.onprogress?.({ loaded });
    }
    vi.advanceTimersByTime(STALL_MS);
    await expect(done).rejects.toBeInstanceOf(NetworkProblem);
  });

  it("gives storage longer to acknowledge what has all been sent, but not for ever", async () => {
    const { done, request } = put();
    request.upload.onload?.();
    vi.advanceTimersByTime(ACKNOWLEDGE_MS - 1);
    const early = await Promise.race([done.then(() => "done", () => "failed"), Promise.resolve("waiting")]);
    expect(early).toBe("waiting");
    vi.advanceTimersByTime(1);
    await expect(done).rejects.toBeInstanceOf(NetworkProblem);
  });

  it("ends with AbortError when it is stopped, and does not begin when it was stopped before", async () => {
    const abort = new AbortController();
    const running = put(abort.signal);
    abort.abort();
    await expect(running.done).rejects.toMatchObject({ name: "AbortError" });
    await expect(put(abort.signal).done).rejects.toMatchObject({ name: "AbortError" });
  });
});
