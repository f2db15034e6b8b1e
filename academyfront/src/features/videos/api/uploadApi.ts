import { answerOf, api } from "@/shared/api/client";
import type { UploadApi } from "../upload/ports";

export const uploadApi: UploadApi = {
  init: (body, { signal, idempotencyKey, traceparent }) =>
    answerOf(
      api.POST("/api/v1/media/videos/upload/init/", {
        body,
        signal,
        headers: { "Idempotency-Key": idempotencyKey, traceparent },
      }),
    ),
  refreshUrl: (videoId, signal) =>
    answerOf(api.POST("/api/v1/media/videos/{id}/upload/refresh-url/", { params: { path: { id: videoId } }, signal })),
  storedParts: async (videoId, signal) => {
    const answer = await answerOf(
      api.GET("/api/v1/media/videos/{id}/upload/multipart/parts/", { params: { path: { id: videoId } }, signal }),
    );
    const parts = answer.parts.map(({ part_number, size_bytes, checksum_crc64nvme, checksum_crc32 }) => ({
      part_number,
      size_bytes,
      checksums: { CRC64NVME: checksum_crc64nvme, CRC32: checksum_crc32 },
    }));
    return { parts, complete: answer.complete };
  },
  signParts: async (videoId, parts, signal) => {
    const checksums = parts.flatMap(({ checksum }) => (checksum === null ? [] : [checksum]));
    const answer = await answerOf(
      api.POST("/api/v1/media/videos/{id}/upload/multipart/presign/", {
        params: { path: { id: videoId } },
        body: {
          part_numbers: parts.map(({ partNumber }) => partNumber),
          ...(checksums.length === parts.length ? { checksums } : {}),
        },
        signal,
      }),
    );
    return { parts: answer.parts, expiresAtMs: Date.parse(answer.expires_at) };
  },
  complete: (videoId, checksums, { signal, idempotencyKey, traceparent }) =>
    answerOf(
      api.POST("/api/v1/media/videos/{id}/upload/complete/", {
        params: { path: { id: videoId } },
        body: checksums,
        signal,
        headers: { "Idempotency-Key": idempotencyKey, traceparent },
      }),
    ),
};
