import type { ChecksumAlgorithm } from "./crc";
import type { HashAnswer, HashRequest } from "./hashWorker";
import type { Hashes } from "./ports";

interface Waiting {
  resolve: (answer: HashAnswer) => void;
  reject: (error: unknown) => void;
}

/** Hashes in a worker that is started when the first file asks for it, and goes when nobody has asked for a while. */
class WorkerHashes implements Hashes {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #nextId = 1;
  #restTimer = 0;

  async checksum(algorithm: ChecksumAlgorithm, blob: Blob): Promise<bigint> {
    const answer = await this.#ask({ blob, algorithm });
    if (answer.kind !== "checksum") throw problemOf(answer);
    return answer.checksum;
  }

  async fingerprint(file: Blob): Promise<string> {
    const answer = await this.#ask({ blob: file, algorithm: null });
    if (answer.kind !== "fingerprint") throw problemOf(answer);
    return answer.fingerprint;
  }

  #ask(question: Omit<HashRequest, "id">): Promise<HashAnswer> {
    window.clearTimeout(this.#restTimer);
    const worker = (this.#worker ??= this.#start());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...question });
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./hashWorker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<HashAnswer>) => {
      this.#waiting.get(data.id)?.resolve(data);
      this.#waiting.delete(data.id);
      if (this.#waiting.size === 0) this.#restTimer = window.setTimeout(() => this.#stop(), REST_AFTER_MS);
    });
    // The script could not be loaded or has crashed: a fresh one may do better.
    worker.addEventListener("error", (event) => {
      this.#stop();
      for (const { reject } of this.#waiting.values()) reject(new Error(event.message || "the hash worker has failed"));
      this.#waiting.clear();
    });
    return worker;
  }

  #stop(): void {
    this.#worker?.terminate();
    this.#worker = null;
  }
}

const REST_AFTER_MS = 30_000;

function problemOf(answer: HashAnswer): Error {
  if (answer.kind !== "problem") return new Error(`asked for something else than ${answer.kind}`);
  // The browser's own names survive: "NotReadableError" is a file that was moved or changed.
  return new DOMException(answer.message, answer.name);
}

export const browserHashes: Hashes = new WorkerHashes();
