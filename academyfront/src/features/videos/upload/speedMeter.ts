/** A speed that does not jump: averages that forget with a time constant. */
export interface SpeedMeter {
  sampleBytes: number;
  sampleAtMs: number;
  /** What is shown as the speed. Null until the first sample is long enough to mean something. */
  bytesPerSecond: number | null;
  /** What the remaining time is reckoned with: slower to believe a change. */
  steadyBytesPerSecond: number | null;
}

// Shorter samples measure the browser's send buffer, not the network.
const MIN_SAMPLE_MS = 400;
const SILENT_MS = 3_000;
const TIME_CONSTANT_MS = 4_000;
const STEADY_TIME_CONSTANT_MS = 15_000;

export function newSpeedMeter(atMs: number, sampleBytes = 0): SpeedMeter {
  return { sampleBytes, sampleAtMs: atMs, bytesPerSecond: null, steadyBytesPerSecond: null };
}

export function observeBytes(meter: SpeedMeter, totalBytes: number, atMs: number): SpeedMeter {
  const elapsedMs = atMs - meter.sampleAtMs;
  if (elapsedMs < MIN_SAMPLE_MS) return meter;
  const rate = (Math.max(0, totalBytes - meter.sampleBytes) * 1000) / elapsedMs;
  const average = (known: number | null, timeConstantMs: number) =>
    known === null ? rate : known + (rate - known) * (1 - Math.exp(-elapsedMs / timeConstantMs));
  return {
    sampleBytes: totalBytes,
    sampleAtMs: atMs,
    bytesPerSecond: average(meter.bytesPerSecond, TIME_CONSTANT_MS),
    steadyBytesPerSecond: average(meter.steadyBytesPerSecond, STEADY_TIME_CONSTANT_MS),
  };
}

/** Measure from here on: the time in which nothing was tried says nothing of the line. */
export function restartMeter(meter: SpeedMeter, totalBytes: number, atMs: number): SpeedMeter {
  return { ...meter, sampleBytes: totalBytes, sampleAtMs: atMs };
}

/** What the meter says when it is looked at: a line that has fallen silent reports nothing, least of all that. */
export function readMeter(meter: SpeedMeter, totalBytes: number, nowMs: number): SpeedMeter {
  return nowMs - meter.sampleAtMs < SILENT_MS ? meter : observeBytes(meter, totalBytes, nowMs);
}

/** Null while unknown, or while nothing moves. */
export function remainingSeconds(meter: SpeedMeter, sentBytes: number, totalBytes: number): number | null {
  if (meter.steadyBytesPerSecond === null || meter.steadyBytesPerSecond < 1) return null;
  return Math.max(0, totalBytes - sentBytes) / meter.steadyBytesPerSecond;
}
