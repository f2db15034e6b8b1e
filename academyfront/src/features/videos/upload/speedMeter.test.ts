import { describe, expect, it } from "vitest";
import { newSpeedMeter, observeBytes, readMeter, remainingSeconds, restartMeter } from "./speedMeter";

describe("the speed meter", () => {
  it("says nothing before it has seen enough", () => {
    const meter = observeBytes(newSpeedMeter(0), 65_536, 50);
    expect(meter.bytesPerSecond).toBeNull();
    expect(remainingSeconds(meter, 65_536, 1_000_000)).toBeNull();
  });

  it("settles on a steady speed", () => {
    let meter = newSpeedMeter(0);
    for (let second = 1; second <= 20; second += 1) meter = observeBytes(meter, second * 1_000_000, second * 1_000);
    expect(meter.bytesPerSecond).toBeCloseTo(1_000_000, -2);
    expect(remainingSeconds(meter, 20_000_000, 50_000_000)).toBeCloseTo(30, 1);
  });

  it("does not jump when one second stalls", () => {
    let meter = newSpeedMeter(0);
    for (let second = 1; second <= 10; second += 1) meter = observeBytes(meter, second * 1_000_000, second * 1_000);
    const stalled = observeBytes(meter, 10_000_000, 11_000);
    expect(stalled.bytesPerSecond).toBeGreaterThan(700_000);
  });

  it("keeps the remaining time steadier than the speed", () => {
    let meter = newSpeedMeter(0);
    for (let second = 1; second <= 30; second += 1) meter = observeBytes(meter, second * 1_000_000, second * 1_000);
    const before = remainingSeconds(meter, 30_000_000, 90_000_000) ?? 0;
    const stalled = observeBytes(meter, 30_000_000, 31_000);
    const after = remainingSeconds(stalled, 30_000_000, 90_000_000) ?? 0;
    expect(after / before).toBeLessThan(1.08);
    expect(stalled.bytesPerSecond).toBeLessThan(800_000);
  });

  it("falls when the line has gone silent, and not between two reports", () => {
    let meter = newSpeedMeter(0);
    for (let second = 1; second <= 10; second += 1) meter = observeBytes(meter, second * 1_000_000, second * 1_000);
    expect(readMeter(meter, 10_000_000, 12_000)).toBe(meter);
    expect(readMeter(meter, 10_000_000, 20_000).bytesPerSecond).toBeLessThan(100_000);
  });

  it("does not count the time in which nothing was tried", () => {
    let meter = newSpeedMeter(0);
    for (let second = 1; second <= 10; second += 1) meter = observeBytes(meter, second * 1_000_000, second * 1_000);
    const back = observeBytes(restartMeter(meter, 10_000_000, 600_000), 11_000_000, 601_000);
    expect(back.bytesPerSecond).toBeCloseTo(1_000_000, -2);
  });

  it("does not count what an earlier visit has sent", () => {
    const meter = observeBytes(newSpeedMeter(0, 500_000_000), 501_000_000, 1_000);
    expect(meter.bytesPerSecond).toBe(1_000_000);
  });

  it("promises no time while nothing moves", () => {
    let meter = newSpeedMeter(0);
    for (let second = 1; second <= 120; second += 1) meter = observeBytes(meter, 0, second * 1_000);
    expect(remainingSeconds(meter, 0, 1_000)).toBeNull();
  });
});
