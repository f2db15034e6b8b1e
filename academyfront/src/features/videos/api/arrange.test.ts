import { describe, expect, it } from "vitest";
import { arrange } from "./arrange";

describe("arrange", () => {
  const rows = ["a", "b", "c", "d"];

  it("moves down: the row comes before the one after its place", () => {
    expect(arrange(rows, 0, 2)).toEqual({ rows: ["b", "c", "a", "d"], before: "d" });
  });

  it("moves up: the row comes before the one that was there", () => {
    expect(arrange(rows, 3, 1)).toEqual({ rows: ["a", "d", "b", "c"], before: "b" });
  });

  it("goes to the end, where nothing comes after", () => {
    expect(arrange(rows, 1, 3)).toEqual({ rows: ["a", "c", "d", "b"], before: null });
  });

  it("refuses a row that is not there", () => {
    expect(() => arrange(rows, 9, 0)).toThrow(RangeError);
  });
});
