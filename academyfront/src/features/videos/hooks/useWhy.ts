import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import type { Video } from "../api/types";
import { isMoving, videoApi } from "../api/videoApi";
import { videoKeys } from "./useVideos";

/** Asked again whenever the video has moved, and now and then while it moves: its place in line changes too. */
export function useWhy(video: Video) {
  return useQuery({
    queryKey: [...videoKeys.why(video.id), video.status, video.job_id],
    queryFn: ({ signal }) => videoApi.why(video.id, signal),
    placeholderData: keepPreviousData,
    refetchInterval: isMoving(video) ? 10_000 : false,
  });
}

/** Leads the browser to the file; it saves it and the page stays. */
export function useDownload(id: number) {
  return useMutation({
    mutationFn: () => videoApi.download(id),
    onSuccess: ({ url }) => window.location.assign(url),
  });
}
