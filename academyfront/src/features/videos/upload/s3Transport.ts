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
const STALL_MS = 45_000;

function put({ url, headers, body, signal, onProgress }: PutRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new DOMException("aborted", "AbortError"));
      return;
    }
    const request = new XMLHttpRequest();
    let stallTimer = 0;
    const watch = () => {
      window.clearTimeout(stallTimer);
      stallTimer = window.setTimeout(() => request.abort(), STALL_MS);
    };
    const abort = () => request.abort();
    const settle = (finish: () => void) => {
      window.clearTimeout(stallTimer);
      signal.removeEventListener("abort", abort);
      finish();
    };

    signal.addEventListener("abort", abort);
    request.upload.onprogress = (event) => {
      watch();
      onProgress(event.loaded);
    };
    // Everything is on its way; storage may take its time to acknowledge a large object.
    request.upload.onload = () => window.clearTimeout(stallTimer);
    request.onload = () =>
      settle(() => (isSuccess(request.status) ? resolve() : reject(new StorageProblem(request.status))));
    request.onerror = () => settle(() => reject(new NetworkProblem("storage did not answer")));
    request.onabort = () =>
      settle(() =>
        reject(signal.aborted ? new DOMException("aborted", "AbortError") : new NetworkProblem("upload stalled")),
      );

    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      if (!isSetByBrowser(name)) request.setRequestHeader(name, value);
    }
    watch();
    request.send(body);
  });
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Signed as well, but scripts may not set them: the browser sends the true values by itself. */
export function isSetByBrowser(name: string): boolean {
  return ["content-length", "host"].includes(name.toLowerCase());
}
