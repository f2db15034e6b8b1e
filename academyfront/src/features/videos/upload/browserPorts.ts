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

// `navigator.onLine` looks at interfaces, not at the internet: behind a VPN or in a virtual machine it may stay false.
const DISTRUST_AFTER_MS = 15_000;

export const browserConnection: Connection = {
  isOnline: () => navigator.onLine,
  waitUntilOnline: async (signal) => {
    const settled = new AbortController();
    const either = AbortSignal.any([signal, settled.signal]);
    const online = new Promise<void>((resolve) => {
      window.addEventListener("online", () => resolve(), { once: true, signal: either });
      if (navigator.onLine) resolve();
    });
    try {
      await Promise.race([online, browserClock.sleep(DISTRUST_AFTER_MS, either)]);
    } finally {
      settled.abort();
    }
  },
};
