import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventStream, RETRY_MS, SILENT_MS, STREAM_PATH, type StreamSource } from "./eventStream";

class FakeSource extends EventTarget {
  readyState = 1;
  constructor(readonly url: string) {
    super();
  }
  close(): void {
    this.readyState = 2;
  }
  say(name: string, position: number, data: unknown = position): void {
    this.dispatchEvent(new MessageEvent(name, { lastEventId: String(position), data: JSON.stringify(data) }));
  }
  break(readyState: number): void {
    this.readyState = readyState;
    this.dispatchEvent(new Event("error"));
  }
}

function following() {
  const none = new FakeSource("none");
  const sources: FakeSource[] = [];
  const heard: unknown[] = [];
  const stream = new EventStream({
    open: (url) => {
      const source = new FakeSource(url);
      sources.push(source);
      return source as unknown as StreamSource;
    },
    onEvent: (event) => heard.push(event.video),
    onLive: (live) => heard.push(live),
  });
  stream.start();
  return { stream, sources, heard, latest: () => sources.at(-1) ?? none };
}

describe("EventStream", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is live from the first sign of life, and passes events on", () => {
    const { heard, latest } = following();
    expect(heard).toEqual([]);
    latest().say("heartbeat", 7);
    latest().say("message", 8, { video: 12 });
    expect(heard).toEqual([true, 12]);
  });

  it("goes on behind the last position after a pause, so that nothing is missed", () => {
    const { stream, sources, latest } = following();
    latest().say("heartbeat", 7);
    latest().say("message", 8, { video: 12 });
    stream.stop();
    stream.start();
    expect(sources.map((source) => source.url)).toEqual([STREAM_PATH, `${STREAM_PATH}?after=8`]);
  });

  it("leaves it to the browser to connect again, and is not live meanwhile", () => {
    const { sources, heard, latest } = following();
    latest().say("heartbeat", 7);
    latest().break(0);
    expect(heard).toEqual([true, false]);
    vi.advanceTimersByTime(1_000);
    latest().say("heartbeat", 7);
    expect(heard).toEqual([true, false, true]);
    expect(sources).toHaveLength(1);
  });

  it("tries again by itself after a refusal", () => {
    const { sources, latest } = following();
    latest().break(2);
    vi.advanceTimersByTime(RETRY_MS - 1);
    expect(sources).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(sources).toHaveLength(2);
  });

  it("gives up a connection that has fallen silent", () => {
    const { heard, latest } = following();
    const silent = latest();
    silent.say("heartbeat", 7);
    vi.advanceTimersByTime(SILENT_MS);
    expect(heard).toEqual([true, false]);
    expect(silent.readyState).toBe(2);
    expect(latest().url).toBe(`${STREAM_PATH}?after=7`);
  });

  it("hears nothing of a connection that it has left", () => {
    const { stream, sources, heard, latest } = following();
    stream.stop();
    latest().say("message", 9, { video: 1 });
    vi.advanceTimersByTime(10 * SILENT_MS);
    expect(heard).toEqual([]);
    expect(sources).toHaveLength(1);
  });
});
