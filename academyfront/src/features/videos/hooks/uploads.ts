import { useEffect, useSyncExternalStore } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { assertNever } from "@/shared/assertNever";
import { uploadApi } from "../api/uploadApi";
import { videoApi } from "../api/videoApi";
import { browserClock, browserConnection } from "../upload/browserPorts";
import { titleFromFileName } from "../upload/fileCheck";
import type { UploadPorts } from "../upload/ports";
import { s3Transport } from "../upload/s3Transport";
import { isUnfinished } from "../upload/uploadMachine";
import { UploadQueue, type UploadItem } from "../upload/uploadQueue";
import { describeUploadFailure, uploadFileToR2AndComplete } from "../utils/videoUpload";
import { videoKeys } from "./useVideos";

const ports: UploadPorts = {
  api: uploadApi,
  transport: s3Transport,
  clock: browserClock,
  connection: browserConnection,
  newIdempotencyKey: newKey,
};

/** The one queue of this page; it lives outside of React so that navigation cannot touch a running upload. */
export const uploadQueue = new UploadQueue({
  concurrency: 2,
  describe: describeUploadFailure,
  run: async ({ item, resume, signal, emit }) => {
    const { file, title, session } = item;
    await uploadFileToR2AndComplete(file, { title, session, resume, signal, onEvent: emit, ports });
  },
  // Best effort: a row that stays behind expires by itself.
  discard: (videoId) => void videoApi.remove(videoId).catch(() => undefined),
});

export function useUploads(): readonly UploadItem[] {
  return useSyncExternalStore(uploadQueue.subscribe, uploadQueue.getSnapshot);
}

export function addUploads(files: readonly File[], session: string): void {
  uploadQueue.add(files.map((file) => ({ file, session, title: titleFromFileName(file.name) })));
}

/** Ask before the page is left while something is still being sent. */
export function useLeaveWarning(items: readonly UploadItem[]): void {
  const busy = items.some((item) => isUnfinished(item.state));
  useEffect(() => {
    if (!busy) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [busy]);
}

/** The library shows a new video as soon as it exists, and again when it was accepted. */
export function useRefreshLibrary(items: readonly UploadItem[]): void {
  const client = useQueryClient();
  const known = items.map((item) => `${item.id}:${milestone(item)}`).join();
  useEffect(() => {
    void client.invalidateQueries({ queryKey: videoKeys.lists });
  }, [client, known]);
}

function milestone({ state }: UploadItem): string {
  switch (state.phase) {
    case "queued":
    case "preparing":
      return "waiting";
    case "sending":
    case "waiting":
    case "finishing":
      return "started";
    case "done":
    case "failed":
    case "cancelled":
      return state.phase;
    default:
      return assertNever(state);
  }
}

function newKey(): string {
  // randomUUID exists on secure origins only; a school's intranet may be plain http.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
