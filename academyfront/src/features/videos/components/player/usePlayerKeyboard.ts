import { useEffect, type RefObject } from "react";
import { commandOfKey, runCommand } from "./playerKeys";

/** Keys work on the whole page, except where a field, a button, a menu or a dialog wants them for itself. */
export function usePlayerKeyboard(video: RefObject<HTMLVideoElement | null>, toggleFullscreen: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (belongsToControl(event)) return;
      const command = commandOfKey(event.key);
      if (command === null || video.current === null) return;
      event.preventDefault();
      if (command.type === "fullscreen") toggleFullscreen();
      else runCommand(video.current, command);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [video, toggleFullscreen]);
}

function belongsToControl({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  if (target.closest("input, textarea, select, [contenteditable], [role=dialog], [role=menu]") !== null) return true;
  // Space presses a button, and Home and End scroll a page that is not the player's.
  return key === " " && target.closest("button, a") !== null;
}
