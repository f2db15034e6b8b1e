/**
 * The server signs a picture's address anew in every answer. The browser would take each for another picture and load
 * it again with every poll; so the first address of a picture is kept for as long as its signature certainly lasts.
 */

const KEEP_MS = 30 * 60_000;

interface Kept {
  url: string;
  untilMs: number;
}

const kept = new Map<string, Kept>();

export function steadyThumbnailUrl(url: string | null, nowMs: number): string | null {
  if (url === null) return null;
  const picture = url.split("?", 1)[0] ?? url;
  const known = kept.get(picture);
  if (known !== undefined && known.untilMs > nowMs) return known.url;
  kept.set(picture, { url, untilMs: nowMs + KEEP_MS });
  return url;
}
