/** Hashes files away from the thread that draws the page. One request after the other, in their order. */
import type { ChecksumAlgorithm } from "./crc";
import { checksumOf, fingerprintOf } from "./hashing";

export interface HashRequest {
  id: number;
  blob: Blob;
  /** Null: the fingerprint. */
  algorithm: ChecksumAlgorithm | null;
}

export type HashAnswer =
  | { id: number; kind: "checksum"; checksum: bigint }
  | { id: number; kind: "fingerprint"; fingerprint: string }
  | { id: number; kind: "problem"; name: string; message: string };

let last = Promise.resolve();

self.addEventListener("message", ({ data }: MessageEvent<HashRequest>) => {
  last = last.then(async () => self.postMessage(await answer(data)));
});

async function answer({ id, blob, algorithm }: HashRequest): Promise<HashAnswer> {
  try {
    if (algorithm === null) return { id, kind: "fingerprint", fingerprint: await fingerprintOf(blob) };
    return { id, kind: "checksum", checksum: await checksumOf(algorithm, blob) };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    return { id, kind: "problem", name, message };
  }
}
