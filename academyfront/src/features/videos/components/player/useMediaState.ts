import { useEffect, useState, type RefObject } from "react";

export interface MediaState {
  isPlaying: boolean;
  isWaiting: boolean;
  currentSeconds: number;
  durationSeconds: number;
  bufferedSeconds: number;
  volume: number;
  isMuted: boolean;
  rate: number;
}

const EVENTS = [
  "play", "pause", "ended", "waiting", "playing", "canplay", "seeking", "seeked", "timeupdate", "durationchange",
  "progress", "volumechange", "ratechange", "loadedmetadata", "emptied",
] as const;

const INITIAL: MediaState = {
  isPlaying: false,
  isWaiting: false,
  currentSeconds: 0,
  durationSeconds: 0,
  bufferedSeconds: 0,
  volume: 1,
  isMuted: false,
  rate: 1,
};

/** What the video element says about itself. The element stays the only truth. */
export function useMediaState(video: RefObject<HTMLVideoElement | null>): MediaState {
  const [state, setState] = useState(INITIAL);
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    const read = () => setState(readMedia(element));
    for (const name of EVENTS) element.addEventListener(name, read);
    return () => {
      for (const name of EVENTS) element.removeEventListener(name, read);
    };
  }, [video]);
  return state;
}

function readMedia(element: HTMLVideoElement): MediaState {
  return {
    isPlaying: !element.paused && !element.ended,
    isWaiting: !element.paused && element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA,
    currentSeconds: element.currentTime,
    durationSeconds: Number.isFinite(element.duration) ? element.duration : 0,
    bufferedSeconds: bufferedEnd(element),
    volume: element.volume,
    isMuted: element.muted || element.volume === 0,
    rate: element.playbackRate,
  };
}

function bufferedEnd({ buffered, currentTime }: HTMLVideoElement): number {
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime + 0.1 && currentTime <= buffered.end(index)) return buffered.end(index);
  }
  return currentTime;
}
