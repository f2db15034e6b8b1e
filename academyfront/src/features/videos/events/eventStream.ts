import type { FeedEvent } from "../api/types";

export const STREAM_PATH = "/api/v1/media/videos/events/stream/";
/** Three of the server's heartbeats: whoever is silent for longer is gone, whatever the connection says. */
export const SILENT_MS = 45_000;
/** A refused stream (signed out, no room) is not tried again by the browser itself. */
export const RETRY_MS = 30_000;

/** What we use of the browser's EventSource. */
export type StreamSource = Pick<EventSource, "addEventListener" | "close" | "readyState">;

export interface EventStreamOptions {
  open: (url: string) => StreamSource;
  onEvent: (event: FeedEvent) => void;
  /** Whether news arrive by themselves now. When this turns true, something may have happened before. */
  onLive: (live: boolean) => void;
}

const CLOSED = 2;

/**
 * Follows the academy's events. Between two connections nothing is missed: each goes on behind the last position of
 * the one before.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  #source: StreamSource | null = null;
  #position: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #live = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#source !== null) return;
    const url = this.#position === null ? STREAM_PATH : `${STREAM_PATH}?after=${this.#position}`;
    const source = this.#options.open(url);
    this.#source = source;
    source.addEventListener("message", (message) => {
      if (this.#hear(source, message)) this.#options.onEvent(JSON.parse(String(message.data)) as FeedEvent);
    });
    source.addEventListener("heartbeat", (message) => this.#hear(source, message));
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      this.#setLive(false);
      // Otherwise the browser is connecting again already.
      if (source.readyState === CLOSED) this.#restartAfter(RETRY_MS);
    });
    this.#restartAfter(SILENT_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#setLive(false);
  }

  #hear(source: StreamSource, message: MessageEvent): boolean {
    if (source !== this.#source) return false;
    this.#position = Number(message.lastEventId);
    this.#setLive(true);
    this.#restartAfter(SILENT_MS);
    return true;
  }

  #restartAfter(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.stop();
      this.start();
    }, delayMs);
  }

  #setLive(live: boolean): void {
    if (live === this.#live) return;
    this.#live = live;
    this.#options.onLive(live);
  }
}
