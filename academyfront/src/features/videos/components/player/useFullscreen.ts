import { useEffect, useState, type RefObject } from "react";

export interface Fullscreen {
  isOn: boolean;
  isPossible: boolean;
  toggle: () => void;
}

/** iPhones put only the bare video element on the full screen, by a call of their own. */
interface PhoneVideo extends HTMLVideoElement {
  webkitEnterFullscreen?: () => void;
}

export function useFullscreen(
  frame: RefObject<HTMLElement | null>,
  video: RefObject<HTMLVideoElement | null>,
  allowsBarePicture: boolean,
): Fullscreen {
  const [isOn, setOn] = useState(false);
  useEffect(() => {
    const read = () => setOn(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", read);
    return () => document.removeEventListener("fullscreenchange", read);
  }, []);
  const toggle = () => {
    if (document.fullscreenElement !== null) {
      void document.exitFullscreen();
      return;
    }
    if (document.fullscreenEnabled) {
      // Refused without a gesture, or by the embedding page's policy: then the picture stays where it is.
      void frame.current?.requestFullscreen().catch(() => undefined);
      return;
    }
    if (!allowsBarePicture) return;
    const phoneVideo: PhoneVideo | null = video.current;
    phoneVideo?.webkitEnterFullscreen?.();
  };
  return { isOn, isPossible: document.fullscreenEnabled || allowsBarePicture, toggle };
}
