import type { Clock, Connection } from "./ports";

export const browserClock: Clock = {
  nowMs: () => Date.now(),
  random: () => Math.random(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      const stop = () => {
        window.clearTimeout(timer);
        reject(new DOMException("aborted", "AbortError"));
      };
      const timer = window.setTimeout(() => {
        signal.removeEventListener("abort", stop);
        resolve();
      }, delayMs);
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    }),
};

export const browserConnection: Connection = {
  isOnline: () => navigator.onLine,
  waitUntilOnline: (signal) =>
    new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        window.removeEventListener("online", onOnline);
        signal.removeEventListener("abort", onAbort);
        settle();
      };
      const onOnline = () => finish(resolve);
      const onAbort = () => finish(() => reject(new DOMException("aborted", "AbortError")));
      window.addEventListener("online", onOnline);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      else if (navigator.onLine) onOnline();
    }),
};
