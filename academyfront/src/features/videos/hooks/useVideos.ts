import { useSyncExternalStore } from "react";
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type InfiniteData,
} from "@tanstack/react-query";
import type { Video, VideoPage } from "../api/types";
import { cursorOf, isMoving, videoApi, type VideoFilter } from "../api/videoApi";
import { liveness } from "../events/liveness";

const ACTIVE_POLL_MS = 2_000;
const QUIET_POLL_MS = 20_000;

export const videoKeys = {
  all: ["videos"] as const,
  lists: ["videos", "list"] as const,
  list: (filter: VideoFilter) => ["videos", "list", filter] as const,
  detail: (id: number) => ["videos", "detail", id] as const,
  quota: ["videos", "quota"] as const,
  offers: ["videos", "offers"] as const,
  timeline: (id: number) => ["videos", "timeline", id] as const,
  why: (id: number) => ["videos", "why", id] as const,
};

/** Whether events bring the news. While they do not, queries ask by themselves. */
function useEventsAreLive(): boolean {
  return useSyncExternalStore(liveness.subscribe, liveness.get);
}

export function useVideoList(filter: VideoFilter) {
  const live = useEventsAreLive();
  return useInfiniteQuery({
    queryKey: videoKeys.list(filter),
    queryFn: ({ pageParam, signal }) => videoApi.list(filter, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => cursorOf(page.next),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => listPollMs(state.data, live),
  });
}

/** Every loaded page is one call, so a long list asks less often. */
function listPollMs(data: InfiniteData<VideoPage> | undefined, live: boolean): number | false {
  const pages = data?.pages ?? [];
  const asks = pages.some((page) => page.results.some((video) => hasNewsWithoutEvent(video, live)));
  if (asks) return ACTIVE_POLL_MS * Math.max(1, pages.length);
  return live ? false : QUIET_POLL_MS;
}

/** How far an encode has come is no event: while one runs, somebody has to ask. */
function hasNewsWithoutEvent(video: Video, live: boolean): boolean {
  return live ? video.progress !== null : isMoving(video);
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
      mutationFn: (body: { title: string }) => videoApi.update(id, body),
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
