import { useEffect, useState, type RefObject } from "react";

const QUIET_MS = 2_600;

/** Controls step back while the video plays and nobody moves; focus inside keeps them for the keyboard. */
export function useAutoHide(frame: RefObject<HTMLElement | null>, isPlaying: boolean): boolean {
  const [isQuiet, setQuiet] = useState(false);
  useEffect(() => {
    const element = frame.current;
    if (element === null || !isPlaying) return;
    let timer = 0;
    const wake = () => {
      setQuiet(false);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setQuiet(true), QUIET_MS);
    };
    const names = ["pointermove", "pointerdown", "keydown", "focusin"] as const;
    for (const name of names) element.addEventListener(name, wake);
    timer = window.setTimeout(() => setQuiet(true), QUIET_MS);
    return () => {
      window.clearTimeout(timer);
      for (const name of names) element.removeEventListener(name, wake);
    };
  }, [frame, isPlaying]);
  return isPlaying && isQuiet;
}
