import { answerOf, api } from "@/shared/api/client";
import type { components } from "@/shared/api/schema";
import { PAGE_ROWS } from "./pageChain";
import { readStoryboard, type Tile } from "./storyboard";
import { steadyThumbnailUrl } from "./thumbnailUrl";
import type { BulkAnswer, Quota, SessionOfVideos, Video, VideoPage, VideoStatus, Why } from "./types";

export interface VideoFilter {
  status: VideoStatus | null;
  search: string;
  /** Only this session, in its order; empty: the videos that are in none. Null: all, the newest first. */
  session: string | null;
}

/** Something to be done with many videos. */
export type BulkOrder = Schemas["BulkRequest"];

export type VideoChange = Schemas["PatchedVideoUpdateRequest"];

type Schemas = components["schemas"];

const MOST_AT_ONCE = 100;
const byId = (id: number) => ({ params: { path: { id } } });

export const videoApi = {
  list: async (filter: VideoFilter, cursor: string | null, signal: AbortSignal): Promise<VideoPage> => {
    const page = await answerOf(
      api.GET("/api/v1/media/videos/", {
        params: {
          query: {
            ...(filter.status === null ? {} : { status: [filter.status] }),
            ...(filter.search === "" ? {} : { search: filter.search }),
            ...(filter.session === null ? {} : { session: filter.session }),
            page_size: PAGE_ROWS,
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
  update: (id: number, body: VideoChange) =>
    answerOf(api.PATCH("/api/v1/media/videos/{id}/", { ...byId(id), body })),
  remove: (id: number) => answerOf(api.DELETE("/api/v1/media/videos/{id}/", byId(id))),
  retry: (id: number) => answerOf(api.POST("/api/v1/media/videos/{id}/retry/", byId(id))),
  cancel: (id: number) => answerOf(api.POST("/api/v1/media/videos/{id}/cancel/", byId(id))),
  complete: (id: number) => answerOf(api.POST("/api/v1/media/videos/{id}/upload/complete/", byId(id))),
  sessions: (signal: AbortSignal): Promise<SessionOfVideos[]> =>
    answerOf(api.GET("/api/v1/media/videos/sessions/", { signal })),
  move: ({ id, ...body }: { id: number; session: string; before: number | null }) =>
    answerOf(api.POST("/api/v1/media/videos/{id}/move/", { ...byId(id), body })),
  /** In portions that the server takes, one after the other: what came of one is told even if the next one fails. */
  bulk: async (order: BulkOrder, tell: (answer: BulkAnswer) => void): Promise<void> => {
    for (let from = 0; from < order.video_ids.length; from += MOST_AT_ONCE) {
      const body = { ...order, video_ids: order.video_ids.slice(from, from + MOST_AT_ONCE) };
      tell(await answerOf(api.POST("/api/v1/media/videos/bulk/", { body })));
    }
  },
  storyboard: async (id: number, signal: AbortSignal): Promise<Tile[]> => {
    const { storyboard_url: url } = await videoApi.playback(id, signal);
    return readStoryboard(url, signal);
  },
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

/** Nothing will change by itself any more. */
function isFinalStatus(status: VideoStatus): boolean {
  return status === "READY" || status === "FAILED" || status === "EXPIRED";
}

export function isMoving(video: Pick<Video, "status" | "progress">): boolean {
  // A READY video with progress is being encoded again.
  return !isFinalStatus(video.status) || video.progress !== null;
}
