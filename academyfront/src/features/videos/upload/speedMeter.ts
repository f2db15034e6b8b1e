/** A speed that does not jump: an average that forgets with a time constant of a few seconds. */
export interface SpeedMeter {
  sampleBytes: number;
  sampleAtMs: number;
  /** Null until the first sample is long enough to mean something. */
  bytesPerSecond: number | null;
}

// Shorter samples measure the browser's send buffer, not the network.
const MIN_SAMPLE_MS = 400;
const TIME_CONSTANT_MS = 4_000;

export function newSpeedMeter(atMs: number): SpeedMeter {
  return { sampleBytes: 0, sampleAtMs: atMs, bytesPerSecond: null };
}

export function observeBytes(meter: SpeedMeter, totalBytes: number, atMs: number): SpeedMeter {
  const elapsedMs = atMs - meter.sampleAtMs;
  if (elapsedMs < MIN_SAMPLE_MS) return meter;
  const rate = (Math.max(0, totalBytes - meter.sampleBytes) * 1000) / elapsedMs;
  const weight = 1 - Math.exp(-elapsedMs / TIME_CONSTANT_MS);
  const bytesPerSecond = meter.bytesPerSecond === null ? rate : meter.bytesPerSecond + (rate - meter.bytesPerSecond) * weight;
  return { sampleBytes: totalBytes, sampleAtMs: atMs, bytesPerSecond };
}

/** Null while unknown, or while nothing moves. */
export function remainingSeconds(meter: SpeedMeter, sentBytes: number, totalBytes: number): number | null {
  if (meter.bytesPerSecond === null || meter.bytesPerSecond < 1) return null;
  return Math.max(0, totalBytes - sentBytes) / meter.bytesPerSecond;
}
