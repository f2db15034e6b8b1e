import type { UploadMemory } from "./ports";
import type { ResumeStore } from "./resumeStore";

export interface RememberedItem {
  file: File;
  handle: FileSystemFileHandle | null;
  title: string;
  session: string;
}

export interface MemoryOptions {
  store: ResumeStore;
  account: string;
  /** The videos that this page is busy with already: the same file chosen twice becomes two videos. */
  isBusy: (videoId: number) => boolean;
  nowMs: () => number;
}

// How much is there already is told by storage; this is only for the eye, before storage has been asked.
const NOTE_EVERY_MS = 2_000;

/** What one running upload writes into the store. */
export function rememberUpload(item: RememberedItem, { store, account, isBusy, nowMs }: MemoryOptions): UploadMemory {
  let notedAtMs = 0;
  return {
    find: async (fingerprint) => {
      const kept = await store.list(account);
      const same = kept.find(
        (other) =>
          other.fingerprint === fingerprint &&
          other.sizeBytes === item.file.size &&
          other.session === item.session &&
          !isBusy(other.videoId),
      );
      return same === undefined ? null : { videoId: same.videoId, sent: false, storedBytes: same.storedBytes };
    },
    begin: (videoId, { fingerprint, traceparent }) =>
      store.keep({
        videoId,
        account,
        fingerprint,
        title: item.title,
        session: item.session,
        fileName: item.file.name,
        sizeBytes: item.file.size,
        lastModifiedMs: item.file.lastModified,
        handle: item.handle,
        storedBytes: 0,
        startedAtMs: nowMs(),
        traceparent,
      }),
    traceparentOf: async (videoId) => {
      const kept = await store.list(account);
      return kept.find((upload) => upload.videoId === videoId)?.traceparent ?? null;
    },
    progress: (videoId, storedBytes) => {
      if (nowMs() - notedAtMs < NOTE_EVERY_MS) return;
      notedAtMs = nowMs();
      void store.update(videoId, { storedBytes });
    },
    forget: (videoId) => store.forget(videoId),
  };
}
