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

const ACTIVE_POLL_MS = 2_000;
const QUIET_POLL_MS = 20_000;

export const videoKeys = {
  all: ["videos"] as const,
  lists: ["videos", "list"] as const,
  list: (filter: VideoFilter) => ["videos", "list", filter] as const,
  detail: (id: number) => ["videos", "detail", id] as const,
  quota: ["videos", "quota"] as const,
  timeline: (id: number) => ["videos", "timeline", id] as const,
};

export function useVideoList(filter: VideoFilter) {
  return useInfiniteQuery({
    queryKey: videoKeys.list(filter),
    queryFn: ({ pageParam, signal }) => videoApi.list(filter, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => cursorOf(page.next),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => listPollMs(state.data),
  });
}

/** Every loaded page is one call, so a long list asks less often. */
function listPollMs(data: InfiniteData<VideoPage> | undefined): number {
  const pages = data?.pages ?? [];
  const moving = pages.some((page) => page.results.some(isMoving));
  return moving ? ACTIVE_POLL_MS * Math.max(1, pages.length) : QUIET_POLL_MS;
}

export function useVideo(id: number) {
  return useQuery({
    queryKey: videoKeys.detail(id),
    queryFn: ({ signal }) => videoApi.get(id, signal),
    refetchInterval: ({ state }) => (state.data !== undefined && isMoving(state.data) ? ACTIVE_POLL_MS : false),
  });
}

/** Asked again whenever the video's status has moved: each move is an event. */
export function useTimeline(video: Video) {
  return useQuery({
    queryKey: [...videoKeys.timeline(video.id), video.status, video.job_id],
    queryFn: ({ signal }) => videoApi.timeline(video.id, signal),
    placeholderData: keepPreviousData,
    refetchInterval: isMoving(video) ? 5_000 : false,
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
