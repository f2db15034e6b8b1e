import { describe, expect, it, vi } from "vitest";
import type { UploadProblem } from "./uploadMachine";
import { UploadQueue, type UploadRun } from "./uploadQueue";

const network: UploadProblem = { kind: "network", retryable: true };

function setUp(concurrency = 2) {
  const runs: (UploadRun & { finish: () => void; fail: () => void })[] = [];
  const discard = vi.fn();
  const queue = new UploadQueue({
    concurrency,
    discard,
    describe: () => network,
    run: (run) =>
      new Promise((resolve, reject) => {
        const finish = () => {
          run.emit({ type: "accepted", videoId: runs.length });
          resolve();
        };
        const fail = () => reject(new Error("no"));
        run.signal.addEventListener("abort", fail);
        runs.push({ ...run, finish, fail });
      }),
  });
  const add = (...names: string[]) =>
    queue.add(names.map((name) => ({ file: new File(["x"], name), title: name, session: "" })));
  const phases = () => queue.getSnapshot().map((item) => item.state.phase);
  const settled = () => new Promise<void>((resolve) => setTimeout(resolve));
  return { queue, runs, discard, add, phases, settled };
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error("nothing there");
  return item;
}

describe("the upload queue", () => {
  it("sends no more files at a time than allowed, and then the next one", async () => {
    const { runs, add, phases, settled } = setUp(2);
    add("a", "b", "c");
    expect(phases()).toEqual(["preparing", "preparing", "queued"]);
    first(runs).finish();
    await settled();
    expect(phases()).toEqual(["done", "preparing", "preparing"]);
  });

  it("frees the place of a failed upload, and retries it when asked", async () => {
    const { queue, runs, add, phases, settled } = setUp(1);
    add("a", "b");
    first(runs).fail();
    await settled();
    expect(phases()).toEqual(["failed", "preparing"]);
    queue.retry(first(queue.getSnapshot()).id);
    expect(phases()).toEqual(["queued", "preparing"]);
  });

  it("aborts a cancelled upload and discards its video", async () => {
    const { queue, runs, discard, add, phases, settled } = setUp();
    add("a");
    first(runs).emit({ type: "sending_started", videoId: 41, storedBytes: 0, atMs: 0 });
    queue.cancel(first(queue.getSnapshot()).id);
    await settled();
    expect(first(runs).signal.aborted).toBe(true);
    expect(phases()).toEqual(["cancelled"]);
    expect(discard).toHaveBeenCalledExactlyOnceWith(41);
  });

  it("does not discard a video whose bytes are already safe", () => {
    const { queue, runs, discard, add } = setUp();
    add("a");
    first(runs).emit({ type: "all_sent", videoId: 41 });
    queue.cancel(first(queue.getSnapshot()).id);
    expect(discard).not.toHaveBeenCalled();
  });

  it("keeps running uploads on the list when the finished ones are cleared", async () => {
    const { queue, runs, add, phases, settled } = setUp();
    add("a", "b");
    first(runs).finish();
    await settled();
    queue.dismissFinished();
    expect(phases()).toEqual(["preparing"]);
  });

  it("stops a paused upload, gives its place to the next, and goes on from where it was", async () => {
    const { queue, runs, discard, add, phases, settled } = setUp(1);
    add("a", "b");
    first(runs).emit({ type: "sending_started", videoId: 41, storedBytes: 8, atMs: 0 });
    queue.pause(first(queue.getSnapshot()).id);
    await settled();
    expect(first(runs).signal.aborted).toBe(true);
    expect(phases()).toEqual(["paused", "preparing"]);
    runs[1]?.finish();
    await settled();
    queue.resume(first(queue.getSnapshot()).id);
    expect(runs[2]?.resume).toEqual({ videoId: 41, sent: false, storedBytes: 8 });
    expect(discard).not.toHaveBeenCalled();
  });

  it("hears nothing more of a run that it has stopped", async () => {
    const { queue, runs, add, phases, settled } = setUp();
    add("a");
    queue.pause(first(queue.getSnapshot()).id);
    queue.resume(first(queue.getSnapshot()).id);
    await settled();
    first(runs).emit({ type: "all_sent", videoId: 41 });
    expect(phases()).toEqual(["preparing"]);
  });

  it("pauses, resumes, retries and cancels all of them", async () => {
    const { queue, runs, add, phases, settled } = setUp(2);
    add("a", "b", "c");
    queue.pauseAll();
    await settled();
    expect(phases()).toEqual(["paused", "paused", "paused"]);
    queue.resumeAll();
    expect(phases()).toEqual(["preparing", "preparing", "queued"]);
    for (const run of runs) run.fail();
    await settled();
    expect(phases()).toEqual(["failed", "failed", "preparing"]);
    queue.retryAll();
    expect(phases()).toEqual(["preparing", "queued", "preparing"]);
    queue.cancelAll();
    await settled();
    expect(phases()).toEqual(["cancelled", "cancelled", "cancelled"]);
  });

  it("lets an upload that another tab sends take nobody's place, and never throws it away", () => {
    const { queue, runs, discard, add, phases } = setUp(1);
    add("a", "b");
    first(runs).emit({ type: "held_elsewhere", videoId: 41 });
    expect(phases()).toEqual(["elsewhere", "preparing"]);
    queue.cancel(first(queue.getSnapshot()).id);
    expect(phases()).toEqual(["cancelled", "preparing"]);
    expect(discard).not.toHaveBeenCalled();
  });
});
