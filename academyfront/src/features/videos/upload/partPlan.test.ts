import { describe, expect, it } from "vitest";
import { missingParts, partNumbers, partRange } from "./partPlan";

const PLAN = { partSizeBytes: 4, partCount: 6 };
const FILE_BYTES = 23;
const stored = (part_number: number, size_bytes: number) => ({
  part_number,
  size_bytes,
  checksums: { CRC64NVME: null, CRC32: null },
});

describe("partRange", () => {
  it("covers the file without gap or overlap", () => {
    const ranges = partNumbers(PLAN).map((number) => partRange(PLAN, number, FILE_BYTES));
    expect(ranges[0]?.start).toBe(0);
    expect(ranges.at(-1)?.end).toBe(FILE_BYTES);
    for (let index = 1; index < ranges.length; index += 1) expect(ranges[index]?.start).toBe(ranges[index - 1]?.end);
  });
});

describe("missingParts", () => {
  it("is everything when storage has nothing", () => {
    expect(missingParts(PLAN, FILE_BYTES, [])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("is what storage lacks or has in another length, the short last part included", () => {
    expect(missingParts(PLAN, FILE_BYTES, [stored(1, 4), stored(2, 3), stored(6, 3)])).toEqual([2, 3, 4, 5]);
    expect(missingParts(PLAN, FILE_BYTES, [stored(6, 4)])).toContain(6);
  });
});
