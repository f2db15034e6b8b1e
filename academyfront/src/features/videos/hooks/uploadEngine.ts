/** Everything that an upload needs and a look at the library does not: loaded when the first one starts. */
import { uploadApi } from "../api/uploadApi";
import { browserHashes } from "../upload/browserHashes";
import { browserLocks } from "../upload/browserLocks";
import { browserClock, browserConnection } from "../upload/browserPorts";
import type { UploadPorts } from "../upload/ports";
import { openResumeStore } from "../upload/resumeStore";
import { s3Transport } from "../upload/s3Transport";
import { newTraceparent, randomHex } from "../upload/traceparent";
import { rememberUpload } from "../upload/uploadMemory";
import type { UploadRun } from "../upload/uploadQueue";
import { uploadFileToR2AndComplete } from "../utils/videoUpload";

export const resumeStore = openResumeStore();

const ports: UploadPorts = {
  api: uploadApi,
  transport: s3Transport,
  clock: browserClock,
  connection: browserConnection,
  hashes: browserHashes,
  locks: browserLocks,
  newIdempotencyKey: () => randomHex(16),
  newTraceparent,
};

export function fingerprintOf(file: File): Promise<string> {
  return browserHashes.fingerprint(file);
}

export interface Surroundings {
  account: string;
  isBusy: (videoId: number) => boolean;
}

export async function runUpload(run: UploadRun, { account, isBusy }: Surroundings): Promise<void> {
  const { file, title, session, policy, isStranger } = run.item;
  await uploadFileToR2AndComplete(file, {
    title,
    session,
    policy,
    isStranger,
    resume: run.resume,
    signal: run.signal,
    onEvent: run.emit,
    memory: rememberUpload(run.item, { store: resumeStore, account, isBusy, nowMs: () => Date.now() }),
    ports,
  });
}
