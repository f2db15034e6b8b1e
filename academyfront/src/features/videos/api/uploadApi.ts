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
  complete: (videoId, { signal, idempotencyKey }) =>
    answerOf(
      api.POST("/api/v1/media/videos/{id}/upload/complete/", {
        params: { path: { id: videoId } },
        signal,
        headers: { "Idempotency-Key": idempotencyKey },
      }),
    ),
};
