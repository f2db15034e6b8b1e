import { answerOf, api } from "@/shared/api/client";
import type { UploadApi } from "../upload/ports";

export const uploadApi: UploadApi = {
  init: (body, { signal, idempotencyKey }) =>
    answerOf(
      api.POST("/api/v1/media/videos/upload/init/", {
        body,
        signal,
        headers: { "Idempotency-Key": idempotencyKey },
      }),
    ),
  refreshUrl: (videoId, signal) =>
    answerOf(api.POST("/api/v1/media/videos/{id}/upload/refresh-url/", { params: { path: { id: videoId } }, signal })),
  storedParts: (videoId, signal) =>
    answerOf(
      api.GET("/api/v1/media/videos/{id}/upload/multipart/parts/", { params: { path: { id: videoId } }, signal }),
    ),
  signParts: async (videoId, partNumbers, signal) => {
    const answer = await answerOf(
      api.POST("/api/v1/media/videos/{id}/upload/multipart/presign/", {
        params: { path: { id: videoId } },
        body: { part_numbers: partNumbers },
        signal,
      }),
    );
    return answer.parts;
  },
  complete: (videoId, { signal, idempotencyKey }) =>
    answerOf(
      api.POST("/api/v1/media/videos/{id}/upload/complete/", {
        params: { path: { id: videoId } },
        signal,
        headers: { "Idempotency-Key": idempotencyKey },
      }),
    ),
};
