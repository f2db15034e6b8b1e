import { useCallback, useSyncExternalStore } from "react";

const MINUTE_MS = 60_000;

/** The time of day, to the minute unless told otherwise, so that "3 minutes ago" stays true on an open page. */
export function useNow(periodMs: number = MINUTE_MS): number {
  const subscribe = useCallback(
    (onChange: () => void) => {
      const timer = window.setInterval(onChange, periodMs);
      return () => window.clearInterval(timer);
    },
    [periodMs],
  );
  return useSyncExternalStore(subscribe, () => Math.ceil(Date.now() / periodMs) * periodMs);
}
