import { useEffect, useState, type RefObject } from "react";
import type { PlaybackPolicy } from "../../api/types";
import type { WatchMemory } from "./watchMemory";

const NOTE_EVERY_MS = 5_000;
const NOTICE_MS = 3_500;
// Streams nudge themselves over small holes; that is no skipping.
const NUDGE_SECONDS = 1;

/**
 * Follows the element: remembers how far it was watched, and holds it to the policy, whatever moved it (our controls,
 * a headset's keys, the system's own player). Returns whether a jump ahead was refused a moment ago.
 */
export function useWatching(
  video: RefObject<HTMLVideoElement | null>,
  memory: WatchMemory,
  { allow_skip: allowSkip, max_speed: maxSpeed }: PlaybackPolicy,
): boolean {
  const [refusals, setRefusals] = useState(0);
  const [seenRefusals, setSeenRefusals] = useState(0);
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    let watched = memory.read();
    let notedAtMs = 0;
    let hasBegun = false;
    const note = () => {
      if (hasBegun) memory.write(watched, Date.now());
      notedAtMs = performance.now();
    };
    const follow = () => {
      if (!hasBegun || element.seeking) return;
      const seconds = element.currentTime;
      watched = { positionSeconds: seconds, furthestSeconds: Math.max(seconds, watched.furthestSeconds) };
      if (performance.now() - notedAtMs > NOTE_EVERY_MS) note();
    };
    const on = {
      playing: () => {
        hasBegun = true;
      },
      timeupdate: follow,
      pause: note,
      ended: () => {
        watched = { ...watched, positionSeconds: 0 };
        note();
      },
      seeking: () => {
        if (allowSkip || element.currentTime <= watched.furthestSeconds + NUDGE_SECONDS) return;
        element.currentTime = watched.furthestSeconds;
        setRefusals((count) => count + 1);
      },
      ratechange: () => {
        if (element.playbackRate > maxSpeed) element.playbackRate = maxSpeed;
      },
    };
    const entries = Object.entries(on);
    for (const [name, listener] of entries) element.addEventListener(name, listener);
    // A phone may throw the page away without any further event.
    window.addEventListener("pagehide", note);
    return () => {
      note();
      window.removeEventListener("pagehide", note);
      for (const [name, listener] of entries) element.removeEventListener(name, listener);
    };
  }, [video, memory, allowSkip, maxSpeed]);

  useEffect(() => {
    const timer = window.setTimeout(() => setSeenRefusals(refusals), NOTICE_MS);
    return () => window.clearTimeout(timer);
  }, [refusals]);
  return refusals !== seenRefusals;
}
