import { useState, type PointerEvent } from "react";

/** How far across an element a mouse is, 0 to 1; null while it is elsewhere, and always for fingers. */
export function usePeek() {
  const [share, setShare] = useState<number | null>(null);
  return {
    share,
    handlers: {
      onPointerMove: (event: PointerEvent<HTMLElement>) => {
        if (event.pointerType !== "mouse") return;
        const box = event.currentTarget.getBoundingClientRect();
        // In steps: a picture for every pixel would be drawn for nothing.
        setShare(Math.round(((event.clientX - box.left) / box.width) * 40) / 40);
      },
      onPointerLeave: () => setShare(null),
    },
  };
}
