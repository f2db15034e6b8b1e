/**
 * How far this person has watched each video, kept in this browser: it concerns nobody else, and a write to the server
 * every few seconds for each viewer would be the largest load of the whole system. Another device starts anew.
 */

export interface Watched {
  /** Where to go on; 0 after the end. */
  positionSeconds: number;
  furthestSeconds: number;
}

interface Entry extends Watched {
  atMs: number;
}

export const UNWATCHED: Watched = { positionSeconds: 0, furthestSeconds: 0 };

const MOST_VIDEOS = 300;
// Below this, beginning anew is what people expect.
const WORTH_RESUMING_SECONDS = 10;

export interface WatchMemory {
  read: () => Watched;
  write: (watched: Watched, nowMs: number) => void;
}

export function watchMemory(storage: Pick<Storage, "getItem" | "setItem">, account: string, videoId: number): WatchMemory {
  const key = `academy.watched.${account}`;
  return {
    read: () => readEntries(storage, key).get(videoId) ?? UNWATCHED,
    write: (watched, atMs) => {
      const entries = readEntries(storage, key).set(videoId, { ...watched, atMs });
      const newest = [...entries].sort(([, one], [, other]) => other.atMs - one.atMs).slice(0, MOST_VIDEOS);
      try {
        storage.setItem(key, JSON.stringify(Object.fromEntries(newest)));
      } catch {
        // Full, or forbidden in private mode: the next visit then begins at the beginning.
      }
    },
  };
}

export function resumeSeconds({ positionSeconds }: Watched): number {
  return positionSeconds < WORTH_RESUMING_SECONDS ? 0 : positionSeconds;
}

function readEntries(storage: Pick<Storage, "getItem">, key: string): Map<number, Entry> {
  try {
    const kept: unknown = JSON.parse(storage.getItem(key) ?? "{}");
    const entries = Object.entries(typeof kept === "object" && kept !== null ? kept : {});
    return new Map(entries.filter((pair): pair is [string, Entry] => isEntry(pair[1])).map(([id, entry]) => [Number(id), entry]));
  } catch {
    return new Map();
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { positionSeconds, furthestSeconds, atMs } = value as Partial<Record<keyof Entry, unknown>>;
  return [positionSeconds, furthestSeconds, atMs].every((number) => typeof number === "number");
}
