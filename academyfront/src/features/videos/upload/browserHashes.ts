import { NetworkProblem } from "@/shared/api/problem";
import type { ChecksumAlgorithm } from "./crc";
import type { HashAnswer, HashRequest } from "./hashWorker";
import type { Hashes } from "./ports";

interface Waiting {
  resolve: (answer: HashAnswer) => void;
  reject: (error: unknown) => void;
}

const REST_AFTER_MS = 30_000;

/**
 * Hashes in a worker that is started when the first file asks for it, and goes when nobody has asked for a while.
 * Where there can be no worker the page does it itself: slower to the touch, but the upload goes on.
 */
class WorkerHashes implements Hashes {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #nextId = 1;
  #restTimer = 0;

  async checksum(algorithm: ChecksumAlgorithm, blob: Blob): Promise<bigint> {
    const answer = await this.#ask({ blob, algorithm });
    if (answer === "no_worker") return (await loadHashing()).checksumOf(algorithm, blob);
    if (answer.kind !== "checksum") throw problemOf(answer);
    return answer.checksum;
  }

  async fingerprint(file: Blob): Promise<string> {
    const answer = await this.#ask({ blob: file, algorithm: null });
    if (answer === "no_worker") return (await loadHashing()).fingerprintOf(file);
    if (answer.kind !== "fingerprint") throw problemOf(answer);
    return answer.fingerprint;
  }

  async #ask(question: Omit<HashRequest, "id">): Promise<HashAnswer | "no_worker"> {
    window.clearTimeout(this.#restTimer);
    const id = this.#nextId++;
    try {
      return await new Promise<HashAnswer>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        (this.#worker ??= this.#start()).postMessage({ id, ...question });
      });
    } catch {
      return "no_worker";
    } finally {
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#restTimer = window.setTimeout(() => this.#stop(), REST_AFTER_MS);
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./hashWorker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<HashAnswer>) => this.#waiting.get(data.id)?.resolve(data));
    // Its script could not be loaded, or it has crashed.
    worker.addEventListener("error", (event) => {
      this.#stop();
      for (const { reject } of this.#waiting.values()) reject(event);
    });
    return worker;
  }

  #stop(): void {
    this.#worker?.terminate();
    this.#worker = null;
  }
}

async function loadHashing() {
  try {
    return await import("./hashing");
  } catch (error) {
    throw new NetworkProblem(error);
  }
}

function problemOf(answer: HashAnswer): Error {
  if (answer.kind !== "problem") return new Error(`asked for something else than ${answer.kind}`);
  // The browser's own names survive: "NotReadableError" is a file that was moved or changed.
  return new DOMException(answer.message, answer.name);
}

export const browserHashes: Hashes = new WorkerHashes();
