import { describe, expect, it } from "vitest";
import { UNWATCHED, resumeSeconds, watchMemory } from "./watchMemory";

function memoryStorage(initial: Record<string, string> = {}) {
  const values = new Map(Object.entries(initial));
  return { getItem: (key: string) => values.get(key) ?? null, setItem: (key: string, value: string) => void values.set(key, value) };
}

describe("what a browser remembers of watching", () => {
  it("is kept for each person and video", () => {
    const storage = memoryStorage();
    watchMemory(storage, "demo/1", 7).write({ positionSeconds: 90, furthestSeconds: 120 }, 1);
    expect(watchMemory(storage, "demo/1", 7).read()).toMatchObject({ positionSeconds: 90, furthestSeconds: 120 });
    expect(watchMemory(storage, "demo/2", 7).read()).toEqual(UNWATCHED);
    expect(watchMemory(storage, "demo/1", 8).read()).toEqual(UNWATCHED);
  });

  it("forgets the video that was watched the longest ago when there are too many", () => {
    const storage = memoryStorage();
    for (let id = 1; id <= 301; id += 1) {
      watchMemory(storage, "demo/1", id).write({ positionSeconds: id, furthestSeconds: id }, id);
    }
    expect(watchMemory(storage, "demo/1", 1).read()).toEqual(UNWATCHED);
    expect(watchMemory(storage, "demo/1", 2).read().positionSeconds).toBe(2);
  });

  it.each(["{", "null", "[1]", '{"7":{"positionSeconds":"90"}}'])("survives what is no memory: %s", (text) => {
    expect(watchMemory(memoryStorage({ "academy.watched.demo/1": text }), "demo/1", 7).read()).toEqual(UNWATCHED);
  });

  it("goes on only where that is worth it", () => {
    expect(resumeSeconds({ positionSeconds: 4, furthestSeconds: 400 })).toBe(0);
    expect(resumeSeconds({ positionSeconds: 40, furthestSeconds: 400 })).toBe(40);
  });
});
