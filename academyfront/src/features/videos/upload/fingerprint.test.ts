import { describe, expect, it } from "vitest";
import { isSameFile, sampleRanges } from "./fingerprint";

const MIB = 1024 * 1024;

describe("the samples of a file", () => {
  it("are all of a small one", () => {
    expect(sampleRanges(0)).toEqual([{ start: 0, end: 0 }]);
    expect(sampleRanges(3 * 256 * 1024)).toEqual([{ start: 0, end: 3 * 256 * 1024 }]);
  });

  it("are beginning, middle and end of a large one, and never more than 768 KiB", () => {
    const size = 5 * 1024 * 1024 * MIB;
    const ranges = sampleRanges(size);
    expect(ranges[0]?.start).toBe(0);
    expect(ranges[1]?.start).toBe(size / 2 - 128 * 1024);
    expect(ranges[2]?.end).toBe(size);
    expect(ranges.every(({ start, end }) => end - start === 256 * 1024)).toBe(true);
  });
});

describe("the same file", () => {
  const known = { sizeBytes: 10, lastModifiedMs: 1, fingerprint: "f" };

  it("may have been copied, and so have another time", () => {
    expect(isSameFile(known, { ...known, lastModifiedMs: 2 })).toBe(true);
  });

  it("has the same length and the same samples", () => {
    expect(isSameFile(known, { ...known, sizeBytes: 11 })).toBe(false);
    expect(isSameFile(known, { ...known, fingerprint: "g" })).toBe(false);
  });
});
