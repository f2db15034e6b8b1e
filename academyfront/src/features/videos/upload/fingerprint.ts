/** How a file is known again without reading all of it. */

export interface FileIdentity {
  sizeBytes: number;
  lastModifiedMs: number;
  /** Of samples of the content; see `sampleRanges`. */
  fingerprint: string;
}

const SAMPLE_BYTES = 256 * 1024;

/** The parts of a file that are looked at: its beginning, middle and end, or all of a small one. */
export function sampleRanges(sizeBytes: number): { start: number; end: number }[] {
  if (sizeBytes <= 3 * SAMPLE_BYTES) return [{ start: 0, end: sizeBytes }];
  const middle = Math.floor((sizeBytes - SAMPLE_BYTES) / 2);
  return [0, middle, sizeBytes - SAMPLE_BYTES].map((start) => ({ start, end: start + SAMPLE_BYTES }));
}

/**
 * Whether a file is the one that an upload began with.
 *
 * Its time alone says nothing against it: a copy has another one. Content that differs between the samples is seen by
 * the parts' checksums, and those parts are sent again.
 */
export function isSameFile(known: FileIdentity, seen: FileIdentity): boolean {
  return known.sizeBytes === seen.sizeBytes && known.fingerprint === seen.fingerprint;
}
