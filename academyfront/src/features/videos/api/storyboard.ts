/** The storyboard: a WebVTT file whose cues name regions of pictures (`sheet.jpg#xywh=160,0,160,90`). */

export interface Tile {
  startSeconds: number;
  endSeconds: number;
  sheetUrl: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

const CUE = /((?:\d+:)?\d{2}:\d{2}\.\d{3}) --> ((?:\d+:)?\d{2}:\d{2}\.\d{3})[^\n]*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/gu;

export function parseStoryboard(text: string): Tile[] {
  return [...text.replaceAll("\r\n", "\n").matchAll(CUE)].map((match) => {
    const [start = "", end = "", sheetUrl = "", ...box] = match.slice(1);
    const [left = 0, top = 0, width = 0, height = 0] = box.map(Number);
    return { startSeconds: secondsOf(start), endSeconds: secondsOf(end), sheetUrl, left, top, width, height };
  });
}

/** The tile at a share (0 to 1) of the way through. */
export function tileAt(tiles: readonly Tile[], share: number): Tile | null {
  const index = Math.min(tiles.length - 1, Math.max(0, Math.floor(share * tiles.length)));
  return tiles[index] ?? null;
}

/** The tile of a moment; the nearest one before it where there is none. */
export function tileAtSecond(tiles: readonly Tile[], seconds: number): Tile | null {
  return tiles.findLast(({ startSeconds }) => startSeconds <= seconds) ?? tiles[0] ?? null;
}

/** None where there is no storyboard yet. */
export async function readStoryboard(url: string | null, signal: AbortSignal): Promise<Tile[]> {
  if (url === null) return [];
  return parseStoryboard(await (await fetch(url, { signal })).text());
}

function secondsOf(clock: string): number {
  return clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}
