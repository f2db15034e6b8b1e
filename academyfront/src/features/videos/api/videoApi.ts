import { answerOf, api } from "@/shared/api/client";
import { steadyThumbnailUrl } from "./thumbnailUrl";
import type { Quota, Video, VideoPage, VideoStatus, Why } from "./types";

export interface VideoFilter {
  status: VideoStatus | null;
  search: string;
}

const byId = (id: number) => ({ params: { path: { id } } });

export const videoApi = {
  list: async (filter: VideoFilter, cursor: string | null, signal: AbortSignal): Promise<VideoPage> => {
    const page = await answerOf(
      api.GET("/api/v1/media/videos/", {
        params: {
          query: {
            ...(filter.status === null ? {} : { status: [filter.status] }),
            ...(filter.search === "" ? {} : { search: filter.search }),
            ...(cursor === null ? {} : { cursor }),
          },
        },
        signal,
      }),
    );
    return { ...page, results: page.results.map(withSteadyThumbnail) };
  },
  /** What this person has begun to upload and not finished, here or elsewhere. */
  unfinished: async (signal: AbortSignal): Promise<Video[]> => {
    const query = { status: ["PENDING" as const], mine: true, page_size: 100 };
    return (await answerOf(api.GET("/api/v1/media/videos/", { params: { query }, signal }))).results;
  },
  get: async (id: number, signal: AbortSignal): Promise<Video> =>
    withSteadyThumbnail(await answerOf(api.GET("/api/v1/media/videos/{id}/", { ...byId(id), signal }))),
  update: (id: number, body: { title: string }) =>
    answerOf(api.PATCH("/api/v1/media/videos/{id}/", { ...byId(id), body })),
  remove: (id: number) => answerOf(api.DELETE("/api/v1/media/videos/{id}/", byId(id))),
  retry: (id: number) => answerOf(api.POST("/api/v1/media/videos/{id}/retry/", byId(id))),
  cancel: (id: number) => answerOf(api.POST("/api/v1/media/videos/{id}/cancel/", byId(id))),
  complete: (id: number) => answerOf(api.POST("/api/v1/media/videos/{id}/upload/complete/", byId(id))),
  timeline: (id: number, signal: AbortSignal) =>
    answerOf(api.GET("/api/v1/media/videos/{id}/timeline/", { ...byId(id), signal })),
  quota: (signal: AbortSignal): Promise<Quota> => answerOf(api.GET("/api/v1/media/videos/quota/", { signal })),
  why: (id: number, signal: AbortSignal): Promise<Why> =>
    answerOf(api.GET("/api/v1/media/videos/{id}/why/", { ...byId(id), signal })),
  download: (id: number) => answerOf(api.POST("/api/v1/media/videos/{id}/download/", byId(id))),
  playback: (id: number, signal: AbortSignal) =>
    answerOf(api.POST("/api/v1/media/videos/{id}/playback/", { ...byId(id), signal })),
};

function withSteadyThumbnail(video: Video): Video {
  return { ...video, thumbnail_url: steadyThumbnailUrl(video.thumbnail_url, Date.now()) };
}

/** The list answers with the next page's address; only its cursor matters to us. */
export function cursorOf(nextUrl: string | null | undefined): string | null {
  if (nextUrl == null) return null;
  return new URL(nextUrl, "http://page.invalid").searchParams.get("cursor");
}

/** Nothing will change by itself any more. */
export function isFinalStatus(status: VideoStatus): boolean {
  return status === "READY" || status === "FAILED" || status === "EXPIRED";
}

export function isMoving(video: Pick<Video, "status" | "progress">): boolean {
  // A READY video with progress is being encoded again.
  return !isFinalStatus(video.status) || video.progress !== null;
}
