import type { PlaybackPolicy } from "../api/types";
import { initialUpload, isFinal, isUnfinished, mayPause, mayRetry, resumePoint, uploadReducer } from "./uploadMachine";
import type { ResumePoint, UploadEvent, UploadProblem, UploadState } from "./uploadMachine";

export interface UploadItem {
  id: string;
  file: File;
  title: string;
  session: string;
  /** What its video will ask of viewers; null: what the server takes by itself. */
  policy: PlaybackPolicy | null;
  /** Lets a later visit read the file again without asking for it; where the browser has such a thing. */
  handle: FileSystemFileHandle | null;
  /** Nobody has seen yet that the file is the one that the upload to be continued began with. */
  isStranger: boolean;
  state: UploadState;
}

export interface NewUpload {
  file: File;
  title: string;
  session: string;
  policy?: PlaybackPolicy | null;
  handle?: FileSystemFileHandle | null;
  resume?: ResumePoint;
  isStranger?: boolean;
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

  add(uploads: readonly NewUpload[]): void {
    const added = uploads.map(({ file, title, session, policy, handle, resume, isStranger }): UploadItem => ({
      id: `upload-${this.#nextId++}`,
      file,
      title,
      session,
      policy: policy ?? null,
      handle: handle ?? null,
      isStranger: isStranger ?? false,
      state: resume === undefined ? initialUpload : { phase: "queued", resume },
    }));
    this.#replace([...this.#items, ...added]);
    this.#startNext();
  }

  pause(id: string): void {
    const item = this.#find(id);
    if (item === undefined || !mayPause(item.state)) return;
    this.#apply(id, { type: "paused" });
    this.#stop(id);
  }

  resume(id: string): void {
    this.#apply(id, { type: "resumed" });
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
    // What another tab sends is not ours to throw away.
    const isOurs = item.state.phase !== "elsewhere";
    this.#apply(id, { type: "cancelled" });
    this.#stop(id);
    if (isOurs && resume !== null && !resume.sent) this.#options.discard(resume.videoId);
  }

  pauseAll(): void {
    for (const { id, state } of this.#items) if (mayPause(state)) this.pause(id);
  }

  resumeAll(): void {
    for (const { id, state } of this.#items) if (state.phase === "paused") this.resume(id);
  }

  retryAll(): void {
    for (const { id, state } of this.#items) if (mayRetry(state)) this.retry(id);
  }

  cancelAll(): void {
    for (const { id } of this.#items) this.cancel(id);
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

  /** An upload that another tab sends takes nobody's place here. */
  #startNext(): void {
    for (;;) {
      const running = this.#items.filter(({ id, state }) => this.#aborts.has(id) && state.phase !== "elsewhere");
      const waiting = this.#items.find(({ id, state }) => state.phase === "queued" && !this.#aborts.has(id));
      if (waiting === undefined || running.length >= this.#options.concurrency) return;
      void this.#run(waiting);
    }
  }

  async #run(item: UploadItem): Promise<void> {
    const abort = new AbortController();
    this.#aborts.set(item.id, abort);
    const emit = (event: UploadEvent) => {
      // What a stopped run still has to say is of no interest.
      if (!abort.signal.aborted) this.#apply(item.id, event);
      if (event.type === "held_elsewhere") this.#startNext();
    };
    const resume = resumePoint(item.state);
    emit({ type: "started" });
    try {
      await this.#options.run({ item, resume, signal: abort.signal, emit });
    } catch (error) {
      emit({ type: "failed", problem: this.#options.describe(error) });
    } finally {
      this.#aborts.delete(item.id);
      this.#startNext();
    }
  }

  #stop(id: string): void {
    this.#aborts.get(id)?.abort(new DOMException("stopped", "AbortError"));
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
