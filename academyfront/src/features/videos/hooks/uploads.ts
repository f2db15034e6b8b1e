import { useEffect, useSyncExternalStore } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { NetworkProblem } from "@/shared/api/problem";
import { useAccountName } from "@/shared/api/session";
import { assertNever } from "@/shared/assertNever";
import type { PlaybackPolicy } from "../api/types";
import { videoApi } from "../api/videoApi";
import { describeUploadFailure } from "../upload/failures";
import type { ChosenFile } from "../upload/fileAccess";
import { titleFromFileName } from "../upload/fileCheck";
import { isUnderWay, isUnfinished, resumePoint } from "../upload/uploadMachine";
import { UploadQueue, type UploadItem } from "../upload/uploadQueue";
import { videoKeys } from "./useVideos";

let account = "";

/** The one queue of this page; it lives outside of React so that navigation cannot touch a running upload. */
export const uploadQueue = new UploadQueue({
  concurrency: 2,
  describe: describeUploadFailure,
  run: async (run) => {
    const engine = await loadUploadEngine();
    await engine.runUpload(run, { account, isBusy: (videoId) => isSending(uploadQueue.getSnapshot(), videoId) });
  },
  discard: (videoId) => void discardUpload(videoId),
});

/** The part of the page that sends; without a network it cannot be loaded any more than anything can be sent. */
export async function loadUploadEngine() {
  try {
    return await import("./uploadEngine");
  } catch (error) {
    throw new NetworkProblem(error);
  }
}

/** Best effort: a row that stays behind expires by itself. */
export async function discardUpload(videoId: number): Promise<void> {
  const { resumeStore } = await loadUploadEngine();
  await resumeStore.forget(videoId);
  await videoApi.remove(videoId).catch(() => undefined);
}

export function isSending(items: readonly UploadItem[], videoId: number): boolean {
  return items.some(({ state }) => isUnfinished(state) && resumePoint(state)?.videoId === videoId);
}

export function useUploads(): readonly UploadItem[] {
  return useSyncExternalStore(uploadQueue.subscribe, uploadQueue.getSnapshot);
}

/** What is said once for all files of one choice. */
export interface Shelving {
  session: string;
  /** Null: no rules. */
  policy: PlaybackPolicy | null;
}

export function addUploads(files: readonly ChosenFile[], shelving: Shelving): void {
  uploadQueue.add(files.map(({ file, handle }) => ({ file, handle, ...shelving, title: titleFromFileName(file.name) })));
}

/** Whose uploads this browser remembers. Several people may use one. */
export function useUploadAccount(): string {
  const name = useAccountName();
  useEffect(() => {
    account = name;
  }, [name]);
  return name;
}

/** Ask before the page is left while something is still being sent. */
export function useLeaveWarning(items: readonly UploadItem[]): void {
  const busy = items.some((item) => isUnderWay(item.state));
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
    void client.invalidateQueries({ queryKey: videoKeys.offers });
  }, [client, known]);
}

function milestone({ state }: UploadItem): string {
  switch (state.phase) {
    case "queued":
    case "preparing":
    case "elsewhere":
      return "waiting";
    case "sending":
    case "waiting":
    case "finishing":
    case "paused":
      return "started";
    case "done":
    case "failed":
    case "cancelled":
      return state.phase;
    default:
      return assertNever(state);
  }
}
