import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { FileIdentity } from "./fingerprint";

/** An unfinished upload as this browser remembers it. */
export interface KeptUpload extends FileIdentity {
  videoId: number;
  /** Whose it is: several people may use one browser. */
  account: string;
  title: string;
  session: string;
  fileName: string;
  /** Reads the file again without asking for it, once its reader has agreed. */
  handle: FileSystemFileHandle | null;
  storedBytes: number;
  startedAtMs: number;
  /** Releases before it kept none. */
  traceparent?: string;
}

/** Never rejects: a browser that keeps nothing (private windows, a full disk) still uploads. */
export interface ResumeStore {
  list(account: string): Promise<KeptUpload[]>;
  keep(upload: KeptUpload): Promise<void>;
  update(videoId: number, changes: Pick<KeptUpload, "storedBytes">): Promise<void>;
  forget(videoId: number): Promise<void>;
}

interface ResumeSchema extends DBSchema {
  uploads: { key: number; value: KeptUpload; indexes: { account: string } };
}

const DATABASE = "academy-uploads";

export function openResumeStore(): ResumeStore {
  let opening: Promise<IDBPDatabase<ResumeSchema>> | null = null;
  const database = () =>
    (opening ??= openDB<ResumeSchema>(DATABASE, 1, {
      upgrade: (fresh) => {
        fresh.createObjectStore("uploads", { keyPath: "videoId" }).createIndex("account", "account");
      },
      // Another tab wants to change the schema; the next call opens it again.
      blocking: (_, __, event) => {
        (event.target as IDBDatabase).close();
        opening = null;
      },
      terminated: () => (opening = null),
    }));
  const orElse = async <T>(fallback: T, work: (db: IDBPDatabase<ResumeSchema>) => Promise<T>): Promise<T> => {
    try {
      return await work(await database());
    } catch {
      opening = null;
      return fallback;
    }
  };
  return {
    list: (account) => orElse([], (db) => db.getAllFromIndex("uploads", "account", account)),
    keep: (upload) =>
      orElse(undefined, async (db) => {
        await db.put("uploads", upload);
      }),
    update: (videoId, changes) =>
      orElse(undefined, async (db) => {
        const transaction = db.transaction("uploads", "readwrite");
        const known = await transaction.store.get(videoId);
        if (known !== undefined) await transaction.store.put({ ...known, ...changes });
        await transaction.done;
      }),
    forget: (videoId) => orElse(undefined, (db) => db.delete("uploads", videoId)),
  };
}
