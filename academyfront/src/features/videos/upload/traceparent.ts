/**
 * Begin a trace: what the api and the workers do for this upload is found under its id.
 *
 * Nothing is measured here. The parent that it names is the click, of which nobody exports a span.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function newTraceparent(): string {
  // Version 00; flag 01: to be recorded, unless the servers' own sampler decides otherwise.
  return `00-${notZero(16)}-${notZero(8)}-01`;
}

export function randomHex(byteCount: number): string {
  // randomUUID exists on secure origins only; a school's intranet may be plain http.
  const bytes = crypto.getRandomValues(new Uint8Array(byteCount));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Zero alone stands for "none" there. */
function notZero(byteCount: number): string {
  const id = randomHex(byteCount);
  return /[1-9a-f]/.test(id) ? id : notZero(byteCount);
}
