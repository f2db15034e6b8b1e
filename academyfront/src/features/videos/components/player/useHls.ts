import { useEffect, useRef, useState, type RefObject } from "react";
import Hls from "hls.js";

export interface QualityLevel {
  index: number;
  heightPixels: number;
}

export interface CaptionTrack {
  index: number;
  name: string;
}

export type PlaybackFault = "unsupported" | "expired" | "broken";

export interface HlsState {
  /** Highest first; empty where the browser plays HLS itself and chooses alone. */
  levels: readonly QualityLevel[];
  /** What is on screen now. */
  shownLevel: number | null;
  /** Null: hls.js adapts to the connection. */
  chosenLevel: number | null;
  chooseLevel: (index: number | null) => void;
  captions: readonly CaptionTrack[];
  shownCaptions: number | null;
  chooseCaptions: (index: number | null) => void;
}

interface Options {
  video: RefObject<HTMLVideoElement | null>;
  masterUrl: string;
  /** Seconds to start from, after the address had to be renewed. */
  startSeconds: number;
  onFault: (fault: PlaybackFault) => void;
}

const EXPIRED_STATUSES = new Set([401, 403, 404, 410]);
const MAX_MEDIA_RECOVERIES = 2;

/** Attach a stream to a video element: by hls.js, or by the browser itself where that is all there is (iPhone). */
export function useHls({ video, masterUrl, startSeconds, onFault }: Options): HlsState {
  const player = useRef<Hls | null>(null);
  const [levels, setLevels] = useState<readonly QualityLevel[]>([]);
  const [shownLevel, setShownLevel] = useState<number | null>(null);
  const [chosenLevel, setChosenLevel] = useState<number | null>(null);
  const [captions, setCaptions] = useState<readonly CaptionTrack[]>([]);
  const [shownCaptions, setShownCaptions] = useState<number | null>(null);

  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    if (!Hls.isSupported()) return playNatively(element, masterUrl, startSeconds, onFault);

    const hls = new Hls({
      // A lecture that is still being encoded looks like a live stream, but it starts at its beginning.
      startPosition: startSeconds,
      capLevelToPlayerSize: true,
    });
    player.current = hls;
    let recoveries = 0;
    hls.on(Hls.Events.MANIFEST_PARSED, (_, parsed) => {
      setLevels(parsed.levels.map(({ height }, index) => ({ index, heightPixels: height })).toReversed());
    });
    hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => setShownLevel(level));
    hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, (_, { subtitleTracks }) => {
      setCaptions(subtitleTracks.map(({ name }, index) => ({ index, name })));
    });
    hls.on(Hls.Events.SUBTITLE_TRACK_SWITCH, (_, { id }) => setShownCaptions(id < 0 ? null : id));
    hls.on(Hls.Events.ERROR, (_, error) => {
      if (!error.fatal) return;
      if (error.type === Hls.ErrorTypes.MEDIA_ERROR && recoveries < MAX_MEDIA_RECOVERIES) {
        recoveries += 1;
        hls.recoverMediaError();
        return;
      }
      onFault(EXPIRED_STATUSES.has(error.response?.code ?? 0) ? "expired" : "broken");
    });
    hls.loadSource(masterUrl);
    hls.attachMedia(element);
    return () => {
      player.current = null;
      hls.destroy();
    };
  }, [video, masterUrl, startSeconds, onFault]);

  const chooseLevel = (index: number | null) => {
    setChosenLevel(index);
    // nextLevel switches at once but smoothly: what is buffered in the old quality after the playhead is replaced.
    if (player.current !== null) player.current.nextLevel = index ?? -1;
  };
  const chooseCaptions = (index: number | null) => {
    if (player.current === null) return;
    player.current.subtitleDisplay = index !== null;
    player.current.subtitleTrack = index ?? -1;
  };
  return { levels, shownLevel, chosenLevel, chooseLevel, captions, shownCaptions, chooseCaptions };
}

function playNatively(
  element: HTMLVideoElement,
  masterUrl: string,
  startSeconds: number,
  onFault: (fault: PlaybackFault) => void,
): (() => void) | undefined {
  if (element.canPlayType("application/vnd.apple.mpegurl") === "") {
    onFault("unsupported");
    return undefined;
  }
  const seek = () => {
    if (startSeconds > 0) element.currentTime = startSeconds;
  };
  // The element does not say which status stopped it; a fresh address is the one thing that can help.
  const fail = () => onFault("expired");
  element.addEventListener("loadedmetadata", seek);
  element.addEventListener("error", fail);
  element.src = masterUrl;
  return () => {
    element.removeEventListener("loadedmetadata", seek);
    element.removeEventListener("error", fail);
    element.removeAttribute("src");
    element.load();
  };
}
