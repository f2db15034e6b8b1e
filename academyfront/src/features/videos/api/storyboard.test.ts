import { describe, expect, it } from "vitest";
import { parseStoryboard, tileAt, tileAtSecond } from "./storyboard";

const VTT = `WEBVTT

00:00.000 --> 00:02.500
https://storage.invalid/sheet-0.jpg?X-Signature=a#xywh=0,0,160,90

01:00:02.500 --> 01:00:05.000
https://storage.invalid/sheet-1.jpg?X-Signature=b#xywh=160,90,160,90
`;

describe("parseStoryboard", () => {
  it("reads each cue's time, picture and region", () => {
    const [first, second] = parseStoryboard(VTT);
    expect(first).toEqual({
      startSeconds: 0,
      endSeconds: 2.5,
      sheetUrl: "https://storage.invalid/sheet-0.jpg?X-Signature=a",
      left: 0,
      top: 0,
      width: 160,
      height: 90,
    });
    expect([second?.startSeconds, second?.left, second?.top]).toEqual([3602.5, 160, 90]);
  });

  it("finds nothing in something else", () => {
    expect(parseStoryboard("WEBVTT\n\n00:00.000 --> 00:01.000\nhello")).toEqual([]);
    expect(parseStoryboard("")).toEqual([]);
  });
});

describe("tileAt", () => {
  it("follows the pointer from the first to the last", () => {
    const tiles = parseStoryboard(VTT);
    expect([tileAt(tiles, 0), tileAt(tiles, 0.49), tileAt(tiles, 0.5), tileAt(tiles, 1), tileAt(tiles, -1)]).toEqual([
      tiles[0], tiles[0], tiles[1], tiles[1], tiles[0],
    ]);
    expect(tileAt([], 0.5)).toBeNull();
  });
});

describe("tileAtSecond", () => {
  it("takes the tile that has begun, also past the last one and before the first", () => {
    const tiles = parseStoryboard(VTT);
    expect([tileAtSecond(tiles, 0), tileAtSecond(tiles, 3602.4), tileAtSecond(tiles, 3602.5)]).toEqual([
      tiles[0], tiles[0], tiles[1],
    ]);
    expect([tileAtSecond(tiles, 99_999), tileAtSecond(tiles, -1), tileAtSecond([], 5)]).toEqual([tiles[1], tiles[0], null]);
  });
});
