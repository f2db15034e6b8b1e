import { useEffect } from "react";
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { EventStream } from "../events/eventStream";
import { liveness } from "../events/liveness";
import { videoKeys } from "./useVideos";

// An upload is three events within a moment; one question answers all of them.
const GATHER_MS = 150;

/** Bring every query about videos up to date as things happen, as long as the page can be seen. */
export function useVideoEvents(): void {
  const client = useQueryClient();
  useEffect(() => {
    const refresh = refresher(client);
    const stream = new EventStream({
      open: (url) => new EventSource(url),
      onEvent: (event) => refresh(event.video),
      onLive: (live) => {
        liveness.set(live);
        // What was asked before this moment may be old already.
        if (live) void client.invalidateQueries({ queryKey: videoKeys.all });
      },
    });
    // A browser allows six connections to one address: pages in the background must not use them up.
    const follow = () => (document.visibilityState === "visible" ? stream.start() : stream.stop());
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      stream.stop();
    };
  }, [client]);
}

function refresher(client: QueryClient): (videoId: number) => void {
  const gathered = new Set<number>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    for (const id of gathered) {
      void client.invalidateQueries({ queryKey: videoKeys.detail(id) });
      void client.invalidateQueries({ queryKey: videoKeys.timeline(id) });
      void client.invalidateQueries({ queryKey: videoKeys.why(id) });
    }
    gathered.clear();
    void client.invalidateQueries({ queryKey: videoKeys.lists });
    void client.invalidateQueries({ queryKey: videoKeys.quota });
  };
  return (videoId) => {
    gathered.add(videoId);
    timer ??= setTimeout(flush, GATHER_MS);
  };
}
