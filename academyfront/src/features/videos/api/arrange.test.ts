import { describe, expect, it } from "vitest";
import { arrange } from "./arrange";

describe("arrange", () => {
  const rows = ["a", "b", "c", "d"];

  it("moves down: the row comes before the one after its place", () => {
    expect(arrange(rows, "a", 0, 2)).toEqual({ rows: ["b", "c", "a", "d"], before: "d" });
  });

  it("moves up: the row comes before the one that was there", () => {
    expect(arrange(rows, "d", 3, 1)).toEqual({ rows: ["a", "d", "b", "c"], before: "b" });
  });

  it("goes to the end, where nothing comes after", () => {
    expect(arrange(rows, "b", 1, 3)).toEqual({ rows: ["a", "c", "d", "b"], before: null });
  });

  it("takes in a row from above, and one from below", () => {
    expect(arrange(rows, "z", -1, 1)).toEqual({ rows: ["a", "b", "z", "c", "d"], before: "c" });
    expect(arrange(rows, "z", 4, 1)).toEqual({ rows: ["a", "z", "b", "c", "d"], before: "b" });
  });
});
