import { describe, expect, it } from "vitest";
import { checksumText, joinChecksums, type ChecksumAlgorithm } from "./crc";
import { checksumOf, fingerprintOf } from "./hashing";

const text = (characters: string) => new Blob([characters]);
// https://reveng.sourceforge.io/crc-catalogue/17plus.htm: what each makes of "123456789".
const CHECKS: [ChecksumAlgorithm, bigint][] = [
  ["CRC64NVME", 0xae8b_1486_0a79_9888n],
  ["CRC32", 0xcbf4_3926n],
];

describe.each(CHECKS)("%s", (algorithm, check) => {
  it("is the one of the catalogue", async () => {
    await expect(checksumOf(algorithm, text("123456789"))).resolves.toBe(check);
  });

  it("joins from any cut into pieces, empty ones included", async () => {
    for (const cut of [["123", "456789"], ["1", "2", "", "3456789"], ["", "123456789"], ["123456789"]]) {
      const pieces = await Promise.all(
        cut.map(async (piece) => ({ checksum: await checksumOf(algorithm, text(piece)), sizeBytes: piece.length })),
      );
      expect(joinChecksums(algorithm, pieces)).toBe(check);
    }
  });

  it("joins over lengths that no number of 32 bits holds, whatever the cut", () => {
    const [left, middle, right] = [
      { checksum: 0x1234_5678n, sizeBytes: 3 * 2 ** 40 + 1 },
      { checksum: 0xfedc_ba98n, sizeBytes: 2 ** 40 },
      { checksum: 0x0bad_cafen, sizeBytes: 5 * 2 ** 30 + 7 },
    ] as const;
    const joined = { checksum: joinChecksums(algorithm, [middle, right]), sizeBytes: middle.sizeBytes + right.sizeBytes };
    expect(joinChecksums(algorithm, [left, joined])).toBe(joinChecksums(algorithm, [left, middle, right]));
  });
});

describe("checksumText", () => {
  it("is the base64 of the bytes, the highest first, leading zeroes included", () => {
    expect(checksumText("CRC64NVME", 0xae8b_1486_0a79_9888n)).toBe("rosUhgp5mIg=");
    expect(checksumText("CRC64NVME", 1n)).toBe("AAAAAAAAAAE=");
    expect(checksumText("CRC32", 0xcbf4_3926n)).toBe("y/Q5Jg==");
  });
});

describe("checksumOf", () => {
  it("reads a file in several bites", async () => {
    const bytes = new Uint8Array(9 * 1024 * 1024 + 5).map((_, index) => index % 251);
    const whole = await checksumOf("CRC64NVME", new Blob([bytes]));
    const cut = 4 * 1024 * 1024 + 3;
    const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
    const sums = await Promise.all(
      pieces.map(async (piece) => ({
        checksum: await checksumOf("CRC64NVME", new Blob([piece])),
        sizeBytes: piece.length,
      })),
    );
    expect(joinChecksums("CRC64NVME", sums)).toBe(whole);
  });
});

describe("fingerprintOf", () => {
  const bytes = new Uint8Array(2 * 1024 * 1024);
  const changedAt = (index: number) => new Blob([bytes.with(index, 1)]);

  it("tells files that differ at the beginning, in the middle or at the end", async () => {
    const same = await fingerprintOf(new Blob([bytes]));
    await expect(fingerprintOf(new Blob([bytes]))).resolves.toBe(same);
    for (const index of [0, bytes.length / 2, bytes.length - 1]) {
      await expect(fingerprintOf(changedAt(index))).resolves.not.toBe(same);
    }
  });

  it("is SHA-256 of all of a small file", async () => {
    await expect(fingerprintOf(text("abc"))).resolves.toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});
