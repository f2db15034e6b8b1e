import { useEffect, useRef, useState } from "react";
import type { Video } from "../api/types";
import { videoApi } from "../api/videoApi";

export type Download =
  | { state: "started"; video: Video; source: Awaited<ReturnType<typeof videoApi.download>> }
  | { state: "refused"; video: Video; error: unknown };

// A browser that is led to the next file before it has begun the last one drops the last one.
const PAUSE_MS = 1_200;

/** Leads the browser to the sources of many videos, one after the other; it stops with the component. */
export function useDownloads(videos: readonly Video[]) {
  const [downloads, setDownloads] = useState<readonly Download[]>([]);
  const [isRunning, setRunning] = useState(false);
  const isGone = useRef(false);
  useEffect(() => {
    isGone.current = false;
    return () => {
      isGone.current = true;
    };
  }, []);
  const start = async () => {
    setRunning(true);
    for (const [index, video] of videos.entries()) {
      if (index > 0) await new Promise((resolve) => window.setTimeout(resolve, PAUSE_MS));
      if (isGone.current) return;
      const download = await begin(video);
      setDownloads((known) => [...known, download]);
    }
    setRunning(false);
  };
  return { downloads, isRunning, start };
}

async function begin(video: Video): Promise<Download> {
  try {
    const source = await videoApi.download(video.id);
    window.location.assign(source.url);
    return { state: "started", video, source };
  } catch (error) {
    return { state: "refused", video, error };
  }
}
