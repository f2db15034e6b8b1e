import { describe, expect, it } from "vitest";
import { missingParts, partRange, sendParts, type PartSenderPorts, type StoredParts } from "./partSender";
import { StorageProblem, type PutRequest } from "./ports";

const PLAN = { partSizeBytes: 4, partCount: 6 };
const file = new Blob(["0123456789abcdefghijklm"]); // 23 bytes: five parts of 4 and one of 3

function world(stored: StoredParts = { parts: [], complete: false }, failures: Record<number, Error[]> = {}) {
  const puts: number[] = [];
  const signed: number[][] = [];
  const progress: number[] = [];
  let running = 0;
  let mostRunning = 0;
  const ports: PartSenderPorts = {
    transport: {
      put: async ({ url, body, onProgress }: PutRequest) => {
        running += 1;
        mostRunning = Math.max(mostRunning, running);
        await Promise.resolve();
        running -= 1;
        const number = Number(url);
        puts.push(number);
        const failure = failures[number]?.shift();
        if (failure) throw failure;
        onProgress(body.size);
      },
    },
    storedParts: () => Promise.resolve(stored),
    sign: (numbers) => {
      signed.push(numbers);
      return Promise.resolve(numbers.map((number) => ({ part_number: number, url: String(number), headers: {} })));
    },
    withRetries: async (step) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await step();
          return;
        } catch (error) {
          if (attempt >= 3) throw error;
        }
      }
    },
    onProgress: (sentBytes) => void progress.push(sentBytes),
    signal: new AbortController().signal,
  };
  return { ports, puts, signed, progress, mostRunning: () => mostRunning };
}

describe("sendParts", () => {
  it("sends every part once, at most four at a time, and ends at the file's size", async () => {
    const { ports, puts, progress, mostRunning } = world();
    await sendParts(file, PLAN, ports);
    expect([...puts].sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(mostRunning()).toBe(4);
    expect(progress.at(-1)).toBe(file.size);
  });

  it("sends only what storage lacks, or has in another size", async () => {
    const parts = [
      { part_number: 1, size_bytes: 4 },
      { part_number: 2, size_bytes: 3 },
      { part_number: 6, size_bytes: 3 },
    ];
    const { ports, puts, progress } = world({ parts, complete: false });
    await sendParts(file, PLAN, ports);
    expect([...puts].sort()).toEqual([2, 3, 4, 5]);
    expect(progress.at(-1)).toBe(file.size);
  });

  it("sends nothing when the parts have become an object already", async () => {
    const { ports, puts } = world({ parts: [], complete: true });
    await sendParts(file, PLAN, ports);
    expect(puts).toEqual([]);
  });

  it("asks for a fresh URL when storage refuses one", async () => {
    const { ports, puts, signed } = world(undefined, { 3: [new StorageProblem(403)] });
    await sendParts(file, PLAN, ports);
    expect(puts.filter((number) => number === 3)).toHaveLength(2);
    expect(signed.flat().filter((number) => number === 3)).toHaveLength(2);
  });

  it("sends a part again that storage found damaged", async () => {
    const { ports, puts } = world(undefined, { 5: [new StorageProblem(400)] });
    await sendParts(file, PLAN, ports);
    expect(puts.filter((number) => number === 5)).toHaveLength(2);
  });

  it("gives up when storage goes on refusing", async () => {
    const refusals = Array.from({ length: 20 }, () => new StorageProblem(403));
    const { ports } = world(undefined, { 2: refusals });
    await expect(sendParts(file, PLAN, ports)).rejects.toThrow("storage answered 403");
  });
});

describe("partRange", () => {
  it("covers the file without gap or overlap", () => {
    const ranges = Array.from({ length: PLAN.partCount }, (_, index) => partRange(PLAN, index + 1, file.size));
    expect(ranges[0]?.start).toBe(0);
    expect(ranges.at(-1)?.end).toBe(file.size);
    for (let index = 1; index < ranges.length; index += 1) expect(ranges[index]?.start).toBe(ranges[index - 1]?.end);
  });
});

describe("missingParts", () => {
  it("is everything when storage has nothing", () => {
    expect(missingParts(PLAN, file.size, { parts: [], complete: false })).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
