import type { UploadLocks } from "./ports";

const PREFIX = "academy-upload-";

/** The Web Locks API: the browser itself gives a lock back when its tab is closed or has crashed. */
export const browserLocks: UploadLocks = {
  hold: async (videoId, work, { signal, onHeld }) => {
    const locks = lockManager();
    // Only secure origins have locks. Parts that two tabs send are the same bytes: wasteful, and harmless.
    if (locks === undefined) return work();
    const name = `${PREFIX}${videoId}`;
    // The callback's result comes in a promise of `any`.
    const atOnce = await locks.request(name, { ifAvailable: true }, async (lock) =>
      lock === null ? null : { result: await work() },
    );
    if (atOnce !== null) return atOnce.result;
    onHeld();
    const later = await locks.request(name, { signal }, async () => ({ result: await work() }));
    return later.result;
  },
};

/** The videos that some tab is sending now. */
export async function videosBeingSent(): Promise<ReadonlySet<number>> {
  const { held = [] } = (await lockManager()?.query()) ?? {};
  return new Set(held.flatMap(({ name }) => (name?.startsWith(PREFIX) === true ? [Number(name.slice(PREFIX.length))] : [])));
}

function lockManager(): LockManager | undefined {
  const { locks }: { locks?: LockManager } = navigator;
  return locks;
}
