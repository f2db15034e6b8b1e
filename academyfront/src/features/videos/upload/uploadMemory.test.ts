import { describe, expect, it } from "vitest";
import type { KeptUpload, ResumeStore } from "./resumeStore";
import { rememberUpload } from "./uploadMemory";

const UPLOAD = { fingerprint: "f", traceparent: "trace" };
const file = new File(["0123456789"], "강의.mp4", { lastModified: 5 });

function world({ busy = [] as number[], session = "" } = {}) {
  const kept = new Map<number, KeptUpload>();
  const updates: number[] = [];
  const store: ResumeStore = {
    list: (account) => Promise.resolve([...kept.values()].filter((upload) => upload.account === account)),
    keep: (upload) => Promise.resolve(void kept.set(upload.videoId, upload)),
    update: (_, { storedBytes }) => Promise.resolve(void updates.push(storedBytes)),
    forget: (videoId) => Promise.resolve(void kept.delete(videoId)),
  };
  const clock = { nowMs: 10_000 };
  const memoryOf = (account: string, item: Partial<{ file: File; session: string }> = {}) =>
    rememberUpload(
      { file, handle: null, title: "강의", session, ...item },
      { store, account, isBusy: (videoId) => busy.includes(videoId), nowMs: () => clock.nowMs },
    );
  return { kept, updates, clock, memoryOf };
}

describe("what is remembered of an upload", () => {
  it("is all that it takes to know the file again", async () => {
    const { kept, memoryOf } = world();
    await memoryOf("demo/1").begin(7, UPLOAD);
    expect(kept.get(7)).toEqual({
      videoId: 7,
      account: "demo/1",
      fingerprint: "f",
      title: "강의",
      session: "",
      fileName: "강의.mp4",
      sizeBytes: 10,
      lastModifiedMs: 5,
      handle: null,
      storedBytes: 0,
      startedAtMs: 10_000,
      traceparent: "trace",
    });
  });

  it("is found by the same person with the same file for the same session, and is gone once forgotten", async () => {
    const { memoryOf } = world();
    await memoryOf("demo/1").begin(7, UPLOAD);
    await expect(memoryOf("demo/1").find("f")).resolves.toMatchObject({ videoId: 7, sent: false });
    await expect(memoryOf("demo/1").find("other")).resolves.toBeNull();
    await expect(memoryOf("demo/2").find("f")).resolves.toBeNull();
    await expect(memoryOf("demo/1", { session: "2주차" }).find("f")).resolves.toBeNull();
    await expect(memoryOf("demo/1", { file: new File(["1"], "강의.mp4") }).find("f")).resolves.toBeNull();
    await memoryOf("demo/1").forget(7);
    await expect(memoryOf("demo/1").find("f")).resolves.toBeNull();
  });

  it("knows the trace in which it was begun, but for what an earlier release has kept", async () => {
    const { kept, memoryOf } = world();
    await memoryOf("demo/1").begin(7, UPLOAD);
    await expect(memoryOf("demo/1").traceparentOf(7)).resolves.toBe("trace");
    await expect(memoryOf("demo/1").traceparentOf(8)).resolves.toBeNull();
    delete kept.get(7)?.traceparent;
    await expect(memoryOf("demo/1").traceparentOf(7)).resolves.toBeNull();
  });

  it("is not taken from an upload that this page is busy with: a file chosen twice becomes two videos", async () => {
    const { memoryOf } = world({ busy: [7] });
    await memoryOf("demo/1").begin(7, UPLOAD);
    await expect(memoryOf("demo/1").find("f")).resolves.toBeNull();
  });

  it("is written at most every two seconds while bytes arrive", () => {
    const { updates, clock, memoryOf } = world();
    const memory = memoryOf("demo/1");
    memory.progress(7, 1);
    memory.progress(7, 2);
    clock.nowMs += 2_000;
    memory.progress(7, 3);
    expect(updates).toEqual([1, 3]);
  });
});
