import { useSyncExternalStore } from "react";
import {
  keepPreviousData,
  queryOptions,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import type { BulkAnswer, Video } from "../api/types";
import { isMoving, videoApi, type BulkOrder, type VideoChange, type VideoFilter } from "../api/videoApi";
import { liveness } from "../events/liveness";

const ACTIVE_POLL_MS = 2_000;
const QUIET_POLL_MS = 20_000;

export const videoKeys = {
  all: ["videos"] as const,
  lists: ["videos", "list"] as const,
  sessions: ["videos", "sessions"] as const,
  detail: (id: number) => ["videos", "detail", id] as const,
  quota: ["videos", "quota"] as const,
  offers: ["videos", "offers"] as const,
  timeline: (id: number) => ["videos", "timeline", id] as const,
  why: (id: number) => ["videos", "why", id] as const,
};

/** Whether events bring the news. While they do not, queries ask by themselves. */
export function useEventsAreLive(): boolean {
  return useSyncExternalStore(liveness.subscribe, liveness.get);
}

/** How far an encode has come is no event: while one runs, somebody has to ask. */
function hasNewsWithoutEvent(video: Video, live: boolean): boolean {
  return live ? video.progress !== null : isMoving(video);
}

/** One page of the list. Each asks for itself, and only while it is in view: a long list costs no more than a short one. */
export function libraryPage(filter: VideoFilter, cursor: string | null, live: boolean) {
  return queryOptions({
    queryKey: [...videoKeys.lists, filter, cursor],
    queryFn: ({ signal }) => videoApi.list(filter, cursor, signal),
    refetchInterval: ({ state }) => {
      const asks = state.data?.results.some((video) => hasNewsWithoutEvent(video, live)) === true;
      return asks ? ACTIVE_POLL_MS : !live && QUIET_POLL_MS;
    },
  });
}

export function useSessions() {
  return useQuery({ queryKey: videoKeys.sessions, queryFn: ({ signal }) => videoApi.sessions(signal), staleTime: 30_000 });
}

export function useMove() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: videoApi.move,
    onSettled: () => {
      void client.invalidateQueries({ queryKey: videoKeys.sessions });
      return client.invalidateQueries({ queryKey: videoKeys.lists });
    },
  });
}

/** Do one thing with many; `tell` hears what came of them, also when whoever asked is gone. */
export function useBulk(tell: (answer: BulkAnswer) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (order: BulkOrder) => videoApi.bulk(order, tell),
    onSettled: () => client.invalidateQueries({ queryKey: videoKeys.all }),
  });
}

export function useVideo(id: number) {
  const live = useEventsAreLive();
  return useQuery({
    queryKey: videoKeys.detail(id),
    queryFn: ({ signal }) => videoApi.get(id, signal),
    refetchInterval: ({ state }) =>
      state.data !== undefined && hasNewsWithoutEvent(state.data, live) ? ACTIVE_POLL_MS : false,
  });
}

/** Asked again whenever the video's status has moved: each move is an event. */
export function useTimeline(video: Video) {
  const live = useEventsAreLive();
  return useQuery({
    queryKey: [...videoKeys.timeline(video.id), video.status, video.job_id],
    queryFn: ({ signal }) => videoApi.timeline(video.id, signal),
    placeholderData: keepPreviousData,
    refetchInterval: !live && isMoving(video) ? 5_000 : false,
  });
}

/** What the academy may upload. The server decides again at each upload. */
export function useQuota() {
  return useQuery({
    queryKey: videoKeys.quota,
    queryFn: ({ signal }) => videoApi.quota(signal),
    staleTime: 5 * 60_000,
  });
}

export function useVideoActions(id: number) {
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: videoKeys.all });
  return {
    update: useMutation({
      mutationFn: (body: VideoChange) => videoApi.update(id, body),
      onSuccess: (video) => client.setQueryData(videoKeys.detail(id), video),
      onSettled: refresh,
    }),
    retry: useMutation({ mutationFn: () => videoApi.retry(id), onSettled: refresh }),
    cancel: useMutation({ mutationFn: () => videoApi.cancel(id), onSettled: refresh }),
    complete: useMutation({ mutationFn: () => videoApi.complete(id), onSettled: refresh }),
    remove: useMutation({
      mutationFn: () => videoApi.remove(id),
      onSuccess: () => {
        client.removeQueries({ queryKey: videoKeys.detail(id) });
        return client.invalidateQueries({ queryKey: videoKeys.lists });
      },
    }),
  };
}
