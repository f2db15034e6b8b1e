import { useState } from "react";
import type { Video } from "../api/types";

export interface Selection {
  videos: ReadonlyMap<number, Video>;
  toggle: (video: Video) => void;
  replace: (videos: readonly Video[]) => void;
  /** Unmark these; what else was marked meanwhile stays so. */
  drop: (ids: readonly number[]) => void;
}

/** Which videos are marked for something to be done with all of them. */
export function useSelection(): Selection {
  const [videos, setVideos] = useState<ReadonlyMap<number, Video>>(new Map());
  return {
    videos,
    toggle: (video) =>
      setVideos((known) => {
        const next = new Map(known);
        if (!next.delete(video.id)) next.set(video.id, video);
        return next;
      }),
    replace: (next) => setVideos(new Map(next.map((video) => [video.id, video]))),
    drop: (ids) => setVideos((known) => new Map([...known].filter(([id]) => !ids.includes(id)))),
  };
}
