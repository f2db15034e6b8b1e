import { describe, expect, it } from "vitest";
import { checksumText } from "./crc";
import { checksumOf } from "./hashing";
import type { StoredPart } from "./partPlan";
import { sendParts, type PartSenderPorts, type PartToSign, type SendProgress, type StoredParts } from "./partSender";
import { DifferentFile, StorageProblem, type PutRequest } from "./ports";

const PLAN = { partSizeBytes: 4, partCount: 6 };
const BYTES = "0123456789abcdefghijklm"; // 23 bytes: five parts of 4 and one of 3
const file = new Blob([BYTES]);
const crc = async (text: string) => checksumText("CRC64NVME", await checksumOf("CRC64NVME", new Blob([text])));
const partText = (number: number) => BYTES.slice((number - 1) * 4, number * 4);

class Cut extends Error {}

interface Script {
  stored?: StoredParts;
  /** What happens to the tries of a part, in their order; afterwards it arrives. */
  failures?: Record<number, Error[]>;
  checksums?: boolean;
  urlsLiveMs?: number;
  backOff?: PartSenderPorts["backOff"];
}

function world({ stored, failures = {}, checksums = true, urlsLiveMs = 3_600_000, backOff }: Script = {}) {
  const puts: number[] = [];
  const signed: PartToSign[][] = [];
  const progress: SendProgress[] = [];
  const waits: number[] = [];
  const abort = new AbortController();
  let nowMs = 0;
  let running = 0;
  let mostRunning = 0;
  const ports: PartSenderPorts = {
    transport: {
      put: async ({ url, body, signal, onProgress }: PutRequest) => {
        running += 1;
        mostRunning = Math.max(mostRunning, running);
        await Promise.resolve();
        running -= 1;
        signal.throwIfAborted();
        const number = Number(url);
        puts.push(number);
        onProgress(1);
        const failure = failures[number]?.shift();
        if (failure) throw failure;
        onProgress(body.size);
      },
    },
    storedParts: () => Promise.resolve(stored ?? { parts: [], complete: false }),
    sign: (parts) => {
      signed.push(parts);
      return Promise.resolve({
        parts: parts.map(({ partNumber }) => ({ part_number: partNumber, url: String(partNumber), headers: {} })),
        expiresAtMs: nowMs + urlsLiveMs,
      });
    },
    checksums: checksums ? { algorithm: "CRC64NVME", of: (blob) => checksumOf("CRC64NVME", blob) } : null,
    isPassing: (error) => error instanceof Cut,
    backOff:
      backOff ??
      ((_, setbacks) => {
        waits.push(setbacks);
        nowMs += 1_000;
        return Promise.resolve();
      }),
    onProgress: (now) => void progress.push(now),
    nowMs: () => nowMs,
    signal: abort.signal,
  };
  return { ports, puts, signed, progress, waits, abort, mostRunning: () => mostRunning };
}

const inOrder = (numbers: number[]) => numbers.toSorted((left, right) => left - right);

function storedPart(number: number, sizeBytes: number, checksum: string | null = null): StoredPart {
  return { part_number: number, size_bytes: sizeBytes, checksums: { CRC64NVME: checksum, CRC32: null } };
}

describe("sendParts", () => {
  it("sends every part once, at most four at a time, and ends at the file's size and checksum", async () => {
    const { ports, puts, progress, mostRunning } = world();
    await expect(sendParts(file, PLAN, ports)).resolves.toBe(await checksumOf("CRC64NVME", file));
    expect(inOrder(puts)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(mostRunning()).toBe(4);
    expect(progress[0]).toEqual({ sentBytes: 0, storedBytes: 0 });
    expect(progress.at(-1)).toEqual({ sentBytes: file.size, storedBytes: file.size });
  });

  it("has every part's checksum signed into its URL", async () => {
    const { ports, signed } = world();
    await sendParts(file, PLAN, ports);
    for (const { partNumber, checksum } of signed.flat()) expect(checksum).toBe(await crc(partText(partNumber)));
    expect(inOrder(signed.flat().map(({ partNumber }) => partNumber))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("reads nothing and says nothing where storage does no checksums", async () => {
    const { ports, puts, signed } = world({ checksums: false });
    await expect(sendParts(file, PLAN, ports)).resolves.toBeNull();
    expect(puts).toHaveLength(6);
    expect(signed.flat().every(({ checksum }) => checksum === null)).toBe(true);
  });

  it("sends only what storage lacks, or has in another size, and still knows the whole file's checksum", async () => {
    const parts = [storedPart(1, 4, await crc(partText(1))), storedPart(2, 3), storedPart(6, 3)];
    const { ports, puts, progress } = world({ stored: { parts, complete: false } });
    await expect(sendParts(file, PLAN, ports)).resolves.toBe(await checksumOf("CRC64NVME", file));
    expect(inOrder(puts)).toEqual([2, 3, 4, 5]);
    expect(progress[0]).toEqual({ sentBytes: 7, storedBytes: 7 });
    expect(progress.at(-1)).toEqual({ sentBytes: file.size, storedBytes: file.size });
  });

  it("replaces a stored part of other bytes", async () => {
    const parts = [storedPart(1, 4, await crc(partText(1))), storedPart(3, 4, await crc("xxxx"))];
    const { ports, puts, progress } = world({ stored: { parts, complete: false } });
    await sendParts(file, PLAN, ports);
    expect(inOrder(puts)).toEqual([2, 3, 4, 5, 6]);
    expect(progress.at(-1)).toEqual({ sentBytes: file.size, storedBytes: file.size });
  });

  it("sends not a byte of a stranger whose first stored part is another's", async () => {
    const stored = { parts: [storedPart(2, 4, await crc("xxxx"))], complete: false };
    const { ports, puts } = world({ stored });
    await expect(sendParts(file, PLAN, ports, { isStranger: true })).rejects.toBeInstanceOf(DifferentFile);
    expect(puts).toEqual([]);
  });

  it("sends nothing when the parts have become an object already", async () => {
    const { ports, puts } = world({ stored: { parts: [], complete: true } });
    await expect(sendParts(file, PLAN, ports)).resolves.toBeNull();
    expect(puts).toEqual([]);
  });

  it("asks for a fresh URL when storage refuses one", async () => {
    const { ports, puts, signed } = world({ failures: { 3: [new StorageProblem(403)] } });
    await sendParts(file, PLAN, ports);
    expect(puts.filter((number) => number === 3)).toHaveLength(2);
    expect(signed.flat().filter(({ partNumber }) => partNumber === 3)).toHaveLength(2);
  });

  it("asks for a fresh URL before one expires", async () => {
    const { ports, signed } = world({ failures: { 1: [new Cut()] }, urlsLiveMs: 30_500 });
    await sendParts(file, PLAN, ports);
    expect(signed.flat().filter(({ partNumber }) => partNumber === 1)).toHaveLength(2);
  });

  it("signs at most a hundred parts, and at most 64 MiB, at once", async () => {
    const many = { partSizeBytes: 1, partCount: 230 };
    const { ports, signed, puts } = world();
    await sendParts(new Blob(["x".repeat(230)]), many, ports);
    expect(Math.max(...signed.map((page) => page.length))).toBe(100);
    expect(new Set(puts).size).toBe(230);
    const large = world({ checksums: false });
    await sendParts(new Blob(["x"]), { partSizeBytes: 40 * 1024 * 1024, partCount: 1 }, large.ports);
    expect(large.signed).toHaveLength(1);
  });

  it("sends a part again that storage found damaged", async () => {
    const { ports, puts, waits } = world({ failures: { 5: [new StorageProblem(400)] } });
    await sendParts(file, PLAN, ports);
    expect(puts.filter((number) => number === 5)).toHaveLength(2);
    expect(waits).toEqual([]);
  });

  it("gives up when storage goes on refusing, and ends the other lanes", async () => {
    const refusals = Array.from({ length: 20 }, () => new StorageProblem(403));
    const { ports, puts } = world({ failures: { 2: refusals } });
    await expect(sendParts(file, PLAN, ports)).rejects.toThrow("storage answered 403");
    expect(puts.filter((number) => number === 2)).toHaveLength(4);
  });

  it("lets lanes that fail together wait together, and counts one setback", async () => {
    const { ports, puts, waits } = world({ failures: { 1: [new Cut()], 2: [new Cut()], 3: [new Cut()], 4: [new Cut()] } });
    await sendParts(file, PLAN, ports);
    expect(waits).toEqual([1]);
    expect(inOrder(puts)).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 6]);
  });

  it("uses fewer lanes on a line that keeps failing", async () => {
    const failing = Object.fromEntries([1, 2, 3, 4].map((number) => [number, [new Cut(), new Cut()]]));
    const { ports, puts, waits } = world({ failures: failing });
    await sendParts(file, PLAN, ports);
    expect(waits.slice(0, 2)).toEqual([1, 2]);
    // After the second burst only two lanes try.
    expect(puts.slice(0, 8)).toHaveLength(8);
    expect(new Set(puts.slice(8, 10)).size).toBe(2);
    expect(inOrder([...new Set(puts)])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("ends with the reason when it is time to give up", async () => {
    const cut = new Cut("no line");
    const { ports } = world({ failures: { 1: [cut] }, backOff: () => Promise.reject(cut) });
    await expect(sendParts(file, PLAN, ports)).rejects.toThrow("no line");
  });

  it("ends at once when it is stopped", async () => {
    const { ports, abort, puts } = world();
    ports.onProgress = ({ storedBytes }) => {
      if (storedBytes > 0) abort.abort(new DOMException("stopped", "AbortError"));
    };
    await expect(sendParts(file, PLAN, ports)).rejects.toMatchObject({ name: "AbortError" });
    expect(puts.length).toBeLessThan(6);
  });
});
