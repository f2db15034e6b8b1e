import { NetworkProblem } from "@/shared/api/problem";
import { StorageProblem, type ObjectTransport, type PutRequest } from "./ports";

/**
 * PUT by XMLHttpRequest: `fetch` cannot report how much of a body has been sent.
 *
 * The URL signs the headers, so exactly those that the server named are set. A header more and the browser asks
 * storage for permission (CORS preflight) that it may not have; a header less and the signature fails.
 */
export const s3Transport: ObjectTransport = { put };

// No byte moved for this long: the connection is dead, whatever the socket believes.
export const STALL_MS = 30_000;
// Everything is on its way; storage may take its time to write and check a large object, but not for ever.
export const ACKNOWLEDGE_MS = 180_000;

function put({ url, headers, body, signal, onProgress }: PutRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(aborted());
      return;
    }
    const request = new XMLHttpRequest();
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const expectWithin = (delayMs: number) => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => request.abort(), delayMs);
    };
    const abort = () => request.abort();
    const settle = (finish: () => void) => {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", abort);
      finish();
    };

    signal.addEventListener("abort", abort);
    request.upload.onprogress = (event) => {
      expectWithin(STALL_MS);
      onProgress(event.loaded);
    };
    request.upload.onload = () => expectWithin(ACKNOWLEDGE_MS);
    request.onload = () =>
      settle(() => (isSuccess(request.status) ? resolve() : reject(new StorageProblem(request.status))));
    request.onerror = () => settle(() => reject(new NetworkProblem("storage did not answer")));
    request.onabort = () => settle(() => reject(signal.aborted ? aborted() : new NetworkProblem("upload stalled")));

    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      if (!isSetByBrowser(name)) request.setRequestHeader(name, value);
    }
    expectWithin(STALL_MS);
    request.send(body);
  });
}

function aborted(): DOMException {
  return new DOMException("aborted", "AbortError");
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Signed as well, but scripts may not set them: the browser sends the true values by itself. */
function isSetByBrowser(name: string): boolean {
  return ["content-length", "host"].includes(name.toLowerCase());
}
