import { describe, expect, it } from "vitest";
import {
  initialUpload,
  isUnderWay,
  isUnfinished,
  resumePoint,
  sentPercent,
  uploadReducer,
  type UploadEvent,
  type UploadProblem,
  type UploadState,
} from "./uploadMachine";

const network: UploadProblem = { kind: "network", retryable: true };
const refused: UploadProblem = {
  kind: "refused",
  code: "unsupported_media",
  detail: "no",
  hint: "",
  requestId: null,
  retryable: false,
};

function after(...events: UploadEvent[]): UploadState {
  return events.reduce(uploadReducer, initialUpload);
}

const sending: UploadEvent[] = [{ type: "started" }, { type: "sending_started", videoId: 7, storedBytes: 0, atMs: 0 }];

describe("the upload machine", () => {
  it("goes from queued to done along the straight road", () => {
    const phases: string[] = [];
    let state: UploadState = initialUpload;
    const road: UploadEvent[] = [
      ...sending,
      { type: "bytes_sent", sentBytes: 500, storedBytes: 0, atMs: 1_000 },
      { type: "all_sent", videoId: 7 },
      { type: "accepted", videoId: 7 },
    ];
    for (const event of road) {
      state = uploadReducer(state, event);
      phases.push(state.phase);
    }
    expect(phases).toEqual(["preparing", "sending", "sending", "finishing", "done"]);
    expect(isUnfinished(state)).toBe(false);
  });

  it("ignores what arrives after a cancel", () => {
    const cancelled = after(...sending, { type: "cancelled" });
    const late: UploadEvent[] = [
      { type: "bytes_sent", sentBytes: 9, storedBytes: 0, atMs: 9 },
      { type: "all_sent", videoId: 7 },
      { type: "accepted", videoId: 7 },
      { type: "failed", problem: network },
    ];
    for (const event of late) expect(uploadReducer(cancelled, event)).toBe(cancelled);
  });

  it("continues the same video after a failure in the middle of sending", () => {
    const failed = after(...sending, { type: "failed", problem: network });
    expect(uploadReducer(failed, { type: "retried" })).toEqual({
      phase: "queued",
      resume: { videoId: 7, sent: false, storedBytes: 0 },
    });
  });

  it("does not send the bytes again when only the confirmation failed", () => {
    const failed = after(...sending, { type: "all_sent", videoId: 7 }, { type: "failed", problem: network });
    expect(resumePoint(uploadReducer(failed, { type: "retried" }))).toMatchObject({ videoId: 7, sent: true });
  });

  it("offers no retry where the server has said that the file can never work", () => {
    const failed = after(...sending, { type: "failed", problem: refused });
    expect(uploadReducer(failed, { type: "retried" })).toBe(failed);
  });

  it("remembers while it waits for the network that everything was sent", () => {
    const waiting = after(...sending, { type: "all_sent", videoId: 7 }, { type: "waiting", reason: "offline" });
    expect(waiting).toMatchObject({ phase: "waiting", resume: { videoId: 7, sent: true } });
    expect(sentPercent(waiting, 1_000)).toBe(100);
  });

  it("shows 100 % only when storage has acknowledged every byte", () => {
    const almost = after(...sending, { type: "bytes_sent", sentBytes: 1_000, storedBytes: 900, atMs: 1_000 });
    expect(sentPercent(almost, 1_000)).toBe(99);
    expect(sentPercent(uploadReducer(almost, { type: "all_sent", videoId: 7 }), 1_000)).toBe(100);
  });

  it("shows, while nothing is on its way, only what storage has acknowledged", () => {
    const sent: UploadEvent[] = [...sending, { type: "bytes_sent", sentBytes: 700, storedBytes: 400, atMs: 1_000 }];
    expect(sentPercent(after(...sent), 1_000)).toBe(70);
    for (const event of [{ type: "paused" }, { type: "waiting", reason: "network" }] as const) {
      expect(sentPercent(after(...sent, event), 1_000)).toBe(40);
    }
  });

  it("is sending again as soon as one lane moves, at the speed that it had", () => {
    const waiting = after(
      ...sending,
      { type: "bytes_sent", sentBytes: 1_000, storedBytes: 0, atMs: 1_000 },
      { type: "waiting", reason: "network" },
    );
    const moving = uploadReducer(waiting, { type: "bytes_sent", sentBytes: 600, storedBytes: 500, atMs: 60_000 });
    expect(moving).toMatchObject({ phase: "sending", videoId: 7, sentBytes: 600, storedBytes: 500 });
    expect(moving.phase === "sending" && moving.meter.bytesPerSecond).toBe(1_000);
  });

  it("hears nothing while it is paused, and goes on from the same video", () => {
    const paused = after(...sending, { type: "bytes_sent", sentBytes: 5, storedBytes: 4, atMs: 9 }, { type: "paused" });
    const late: UploadEvent[] = [
      { type: "bytes_sent", sentBytes: 9, storedBytes: 9, atMs: 9 },
      { type: "failed", problem: network },
      { type: "waiting", reason: "network" },
    ];
    for (const event of late) expect(uploadReducer(paused, event)).toBe(paused);
    expect(uploadReducer(paused, { type: "resumed" })).toEqual({
      phase: "queued",
      resume: { videoId: 7, sent: false, storedBytes: 4 },
    });
    expect(uploadReducer(paused, { type: "cancelled" })).toEqual({ phase: "cancelled" });
  });

  it("cannot be paused once all bytes are there", () => {
    const finishing = after(...sending, { type: "all_sent", videoId: 7 });
    expect(uploadReducer(finishing, { type: "paused" })).toBe(finishing);
  });

  it("waits for another tab, and takes over from it", () => {
    const held = after({ type: "started" }, { type: "held_elsewhere", videoId: 7 });
    expect(held).toEqual({ phase: "elsewhere", resume: { videoId: 7, sent: false, storedBytes: 0 } });
    expect(isUnderWay(held)).toBe(false);
    expect(uploadReducer(held, { type: "taken_over" }).phase).toBe("preparing");
  });

  it("starts a new video when the old one was deleted", () => {
    const failed = after(...sending, { type: "failed", problem: { kind: "deleted", retryable: true } });
    expect(uploadReducer(failed, { type: "retried" })).toEqual({ phase: "queued", resume: null });
  });

  it("shows no progress for an empty total instead of dividing by it", () => {
    expect(sentPercent(after(...sending), 0)).toBe(0);
  });
});
