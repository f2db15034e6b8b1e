import { initialUpload, isFinal, isUnfinished, resumePoint, uploadReducer } from "./uploadMachine";
import type { ResumePoint, UploadEvent, UploadProblem, UploadState } from "./uploadMachine";

export interface UploadItem {
  id: string;
  file: File;
  title: string;
  session: string;
  state: UploadState;
}

export interface UploadRun {
  item: UploadItem;
  resume: ResumePoint | null;
  signal: AbortSignal;
  emit: (event: UploadEvent) => void;
}

export interface UploadQueueOptions {
  /** Sends one file to the end. Rejects with anything; `describe` turns it into words. */
  run: (run: UploadRun) => Promise<void>;
  describe: (error: unknown) => UploadProblem;
  /** Called once for a video whose upload was cancelled before it was whole. */
  discard: (videoId: number) => void;
  concurrency: number;
}

/** Holds the uploads of this page, sends a few at a time, and tells subscribers after each change. */
export class UploadQueue {
  readonly #options: UploadQueueOptions;
  readonly #aborts = new Map<string, AbortController>();
  readonly #listeners = new Set<() => void>();
  #items: readonly UploadItem[] = [];
  #nextId = 1;

  constructor(options: UploadQueueOptions) {
    this.#options = options;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getSnapshot = (): readonly UploadItem[] => this.#items;

  add(files: readonly { file: File; title: string; session: string; resume?: ResumePoint }[]): void {
    const added = files.map(({ file, title, session, resume }): UploadItem => ({
      id: `upload-${this.#nextId++}`,
      file,
      title,
      session,
      state: resume === undefined ? initialUpload : { phase: "queued", resume },
    }));
    this.#replace([...this.#items, ...added]);
    this.#startNext();
  }

  retry(id: string): void {
    this.#apply(id, { type: "retried" });
    this.#startNext();
  }

  cancel(id: string): void {
    const item = this.#find(id);
    if (item === undefined || isFinal(item.state)) return;
    const resume = resumePoint(item.state);
    this.#apply(id, { type: "cancelled" });
    this.#aborts.get(id)?.abort();
    if (resume !== null && !resume.sent) this.#options.discard(resume.videoId);
  }

  /** Take a finished one off the list; its video stays. */
  dismiss(id: string): void {
    this.#replace(this.#items.filter((item) => item.id !== id || isUnfinished(item.state)));
  }

  dismissFinished(): void {
    this.#replace(this.#items.filter((item) => isUnfinished(item.state)));
  }

  rename(id: string, title: string): void {
    this.#replace(this.#items.map((item) => (item.id === id ? { ...item, title } : item)));
  }

  #startNext(): void {
    while (this.#aborts.size < this.#options.concurrency) {
      const waiting = this.#items.find((item) => item.state.phase === "queued" && !this.#aborts.has(item.id));
      if (waiting === undefined) return;
      void this.#run(waiting);
    }
  }

  async #run(item: UploadItem): Promise<void> {
    const abort = new AbortController();
    this.#aborts.set(item.id, abort);
    const emit = (event: UploadEvent) => this.#apply(item.id, event);
    const resume = resumePoint(item.state);
    emit({ type: "started" });
    try {
      await this.#options.run({ item, resume, signal: abort.signal, emit });
    } catch (error) {
      // After a cancel this is the AbortError, and the machine ignores it.
      emit({ type: "failed", problem: this.#options.describe(error) });
    } finally {
      this.#aborts.delete(item.id);
      this.#startNext();
    }
  }

  #find(id: string): UploadItem | undefined {
    return this.#items.find((item) => item.id === id);
  }

  #apply(id: string, event: UploadEvent): void {
    const item = this.#find(id);
    if (item === undefined) return;
    const state = uploadReducer(item.state, event);
    if (state === item.state) return;
    this.#replace(this.#items.map((other) => (other.id === id ? { ...other, state } : other)));
  }

  #replace(items: readonly UploadItem[]): void {
    this.#items = items;
    for (const listener of this.#listeners) listener();
  }
}
