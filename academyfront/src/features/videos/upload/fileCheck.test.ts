import { describe, expect, it } from "vitest";
import { LARGEST_OBJECT_BYTES, TITLE_MAX_LENGTH, checkFile, titleFromFileName } from "./fileCheck";

describe("the look at a file before it is sent", () => {
  it("takes videos by their extension, whatever its case", () => {
    expect(checkFile({ name: "수업 1.MP4", size: 1 })).toEqual({ kind: "ok" });
    expect(checkFile({ name: "screen.mkv", size: 6 * 1024 ** 3 })).toEqual({ kind: "ok" });
  });

  it("refuses an empty file", () => {
    expect(checkFile({ name: "a.mp4", size: 0 })).toEqual({ kind: "empty" });
  });

  it("refuses one byte more than an object can hold, or than the server has said", () => {
    expect(checkFile({ name: "a.mp4", size: LARGEST_OBJECT_BYTES + 1 })).toEqual({
      kind: "too_large",
      limitBytes: LARGEST_OBJECT_BYTES,
    });
    expect(checkFile({ name: "a.mp4", size: 1_001 }, 1_000)).toEqual({ kind: "too_large", limitBytes: 1_000 });
    expect(checkFile({ name: "a.mp4", size: 1_000 }, 1_000)).toEqual({ kind: "ok" });
  });

  it.each(["notes.txt", "mp4", ".mp4", "video.", "archive.mp4.zip"])("refuses %s", (name) => {
    expect(checkFile({ name, size: 5 }).kind).toBe("not_a_video");
  });
});

describe("the title of a file", () => {
  it("is its name without the extension", () => {
    expect(titleFromFileName("1강. 이차함수.mp4")).toBe("1강. 이차함수");
  });

  it("composes the Hangul that macOS takes apart", () => {
    const decomposed = "가나다".normalize("NFD");
    expect(titleFromFileName(`${decomposed}.mov`)).toBe("가나다");
  });

  it("is never empty and never too long", () => {
    expect(titleFromFileName("   .mp4")).toBe("   .mp4");
    expect(Array.from(titleFromFileName(`${"강".repeat(300)}.mp4`))).toHaveLength(TITLE_MAX_LENGTH);
  });
});
