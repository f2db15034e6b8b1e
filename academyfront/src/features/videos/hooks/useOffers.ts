import { useEffect, useRef } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { hasStatus } from "@/shared/api/problem";
import type { Video } from "../api/types";
import { uploadApi } from "../api/uploadApi";
import { videoApi } from "../api/videoApi";
import { videosBeingSent } from "../upload/browserLocks";
import { isReadable, readAgain, type ChosenFile } from "../upload/fileAccess";
import { isSameFile } from "../upload/fingerprint";
import type { KeptUpload } from "../upload/resumeStore";
import { isUnfinished, mayRetry, resumePoint } from "../upload/uploadMachine";
import type { UploadItem } from "../upload/uploadQueue";
import { discardUpload, loadUploadEngine, uploadQueue, useUploadAccount, useUploads } from "./uploads";
import { videoKeys } from "./useVideos";

/** An upload that somebody has left unfinished. */
export interface Leftover {
  video: Video;
  /** What this browser remembers of it; null for one that began somewhere else. */
  kept: KeptUpload | null;
  storedBytes: number;
}

export interface Offer extends Leftover {
  /** Another tab is sending it at this moment. */
  isElsewhere: boolean;
}

export type ContinueOutcome = "started" | "needs_file" | "different_file";

const OFFERS_POLL_MS = 60_000;
// Asks the browser, not the server.
const LOCKS_POLL_MS = 1_000;

const LOCKS_KEY = ["upload-locks"] as const;

/** The unfinished uploads of this person that this page is not busy with. */
export function useOffers(): readonly Offer[] {
  const account = useUploadAccount();
  const items = useUploads();
  const offers = useQuery({
    queryKey: [...videoKeys.offers, account],
    queryFn: ({ signal }) => findOffers(account, signal),
    refetchInterval: ({ state }) => ((state.data?.length ?? 0) > 0 ? OFFERS_POLL_MS : false),
  }).data;
  const open = (offers ?? []).filter(({ video }) => !isOnList(items, video.id));
  const elsewhere = useQuery({
    queryKey: LOCKS_KEY,
    queryFn: videosBeingSent,
    enabled: open.length > 0,
    refetchInterval: LOCKS_POLL_MS,
    // A set is never equal to the one before.
    structuralSharing: (before, now) => (sameMembers(before, now) ? before : now),
  }).data;
  return open.map((offer) => ({ ...offer, isElsewhere: elsewhere?.has(offer.video.id) === true }));
}

/** When the tab that was sending has gone, and this one can read the file: go on where it stopped. */
export function useTakeOver(offers: readonly Offer[]): void {
  const client = useQueryClient();
  const before = useRef<ReadonlySet<number>>(new Set());
  useEffect(() => {
    const elsewhere = new Set(offers.flatMap(({ video, isElsewhere }) => (isElsewhere ? [video.id] : [])));
    const released = offers.filter(({ video }) => before.current.has(video.id) && !elsewhere.has(video.id));
    before.current = elsewhere;
    if (released.length === 0) return;
    // It may have gone because it was finished; then nothing is offered any more.
    void client.invalidateQueries({ queryKey: videoKeys.offers });
    for (const offer of released) takeOver(offer).catch(() => undefined);
  }, [client, offers]);
}

async function takeOver(offer: Offer): Promise<void> {
  const handle = offer.kept?.handle;
  if (handle == null || !(await isReadable(handle))) return;
  if (await isPending(offer.video.id, new AbortController().signal)) await continueOffer(offer, null);
}

export function useDiscardOffer() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ video }: Offer) => discardUpload(video.id),
    onSuccess: () => client.invalidateQueries({ queryKey: videoKeys.all }),
  });
}

/** Go on with the chosen file, or, where none was chosen, with the one that the browser can read again. */
export async function continueOffer(leftover: Leftover, chosen: ChosenFile | null): Promise<ContinueOutcome> {
  const { video, kept, storedBytes } = leftover;
  const handle = chosen === null ? (kept?.handle ?? null) : chosen.handle;
  const file = chosen?.file ?? (handle === null ? null : await readAgain(handle));
  if (file === null) return "needs_file";
  if (!(await isFileOf(video, kept, file))) return "different_file";
  // Should it have to begin anew, it is the same video again.
  const { title, session, policy } = video;
  const resume = { videoId: video.id, sent: false, storedBytes };
  uploadQueue.add([{ file, handle, title, session, policy, resume, isStranger: kept === null }]);
  return "started";
}

async function isFileOf(video: Video, kept: KeptUpload | null, file: File): Promise<boolean> {
  if (file.size !== video.size_bytes) return false;
  if (kept === null) return true;
  const { fingerprintOf } = await loadUploadEngine();
  const fingerprint = await fingerprintOf(file);
  return isSameFile(kept, { sizeBytes: file.size, lastModifiedMs: file.lastModified, fingerprint });
}

async function findOffers(account: string, signal: AbortSignal): Promise<Leftover[]> {
  const { resumeStore } = await loadUploadEngine();
  const kept = new Map((await resumeStore.list(account)).map((upload) => [upload.videoId, upload]));
  const videos = await videoApi.unfinished(signal);
  for (const videoId of kept.keys()) {
    // Finished, expired or deleted since: nothing is left to go on with.
    if (!videos.some(({ id }) => id === videoId) && !(await isPending(videoId, signal))) await resumeStore.forget(videoId);
  }
  const items = uploadQueue.getSnapshot();
  const open = videos.filter(
    ({ id, allowed_actions: actions }) => actions.includes("refresh_url") && !isOnList(items, id),
  );
  const found = await Promise.all(
    open.map(async (video) => {
      const known = kept.get(video.id) ?? null;
      return { video, kept: known, storedBytes: await storedBytesOf(video, signal, known?.storedBytes ?? 0) };
    }),
  );
  // Where every byte has arrived the server goes on by itself.
  return found.filter(({ video, storedBytes }) => storedBytes < video.size_bytes);
}

/** This page has it on its list already, running or to be tried again. */
function isOnList(items: readonly UploadItem[], videoId: number): boolean {
  return items.some(
    ({ state }) => (isUnfinished(state) || mayRetry(state)) && resumePoint(state)?.videoId === videoId,
  );
}

async function isPending(videoId: number, signal: AbortSignal): Promise<boolean> {
  try {
    return (await videoApi.get(videoId, signal)).status === "PENDING";
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}

/** Storage knows best; an upload in one PUT has nothing there, and storage may be away for a moment. */
async function storedBytesOf(video: Video, signal: AbortSignal, otherwise: number): Promise<number> {
  try {
    const { parts, complete } = await uploadApi.storedParts(video.id, signal);
    return complete ? video.size_bytes : parts.reduce((sum, part) => sum + part.size_bytes, 0);
  } catch {
    return otherwise;
  }
}

function sameMembers(before: unknown, now: unknown): boolean {
  return before instanceof Set && now instanceof Set && before.size === now.size && [...before].every((id) => now.has(id));
}
