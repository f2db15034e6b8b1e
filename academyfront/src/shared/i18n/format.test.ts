import { describe, expect, it } from "vitest";
import { formatBytes, formatClock, formatRelative, roundRemaining } from "./format";

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1_000, "1 KB"],
    [734_003_200, "734 MB"],
    [1_932_735_283, "1.9 GB"],
    [999_600, "1 MB"],
  ])("says %i bytes as %s", (bytes, words) => {
    expect(formatBytes(bytes, "ko")).toBe(words);
  });
});

describe("lengths", () => {
  it.each([
    [0, "0:00"],
    [7.9, "0:07"],
    [754, "12:34"],
    [3_723, "1:02:03"],
    [Number.NaN, "0:00"],
    [Number.POSITIVE_INFINITY, "0:00"],
  ])("says %d seconds as %s", (seconds, words) => {
    expect(formatClock(seconds)).toBe(words);
  });
});

describe("remaining time", () => {
  it("is rounded to what a person needs", () => {
    expect(roundRemaining(2)).toEqual({ unit: "moments" });
    expect(roundRemaining(41)).toEqual({ unit: "seconds", count: 45 });
    expect(roundRemaining(59)).toEqual({ unit: "minutes", count: 1 });
    expect(roundRemaining(184)).toEqual({ unit: "minutes", count: 3 });
    expect(roundRemaining(3_590)).toEqual({ unit: "hours", count: 1, minutes: 0 });
    expect(roundRemaining(5_400)).toEqual({ unit: "hours", count: 1, minutes: 30 });
  });
});

describe("moments in the past", () => {
  const now = Date.parse("2026-05-10T12:00:00Z");
  it.each([
    ["2026-05-10T11:59:40Z", "지금", "now"],
    ["2026-05-10T11:57:00Z", "3분 전", "3 minutes ago"],
    ["2026-05-09T11:00:00Z", "어제", "yesterday"],
  ])("says %s as %s", (iso, ko, en) => {
    expect(formatRelative(iso, now, "ko")).toBe(ko);
    expect(formatRelative(iso, now, "en")).toBe(en);
  });
});
