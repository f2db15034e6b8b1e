import type { ChecksumAlgorithm } from "./crc";

/** How a file is cut: every part but the last has the same size, as R2 demands. Parts count from 1. */
export interface PartPlan {
  partSizeBytes: number;
  partCount: number;
}

/** What storage has of a part. A checksum is null where storage does not tell it. */
export interface StoredPart {
  part_number: number;
  size_bytes: number;
  checksums: Readonly<Record<ChecksumAlgorithm, string | null>>;
}

/** The first byte of a part and the one after its last. */
export function partRange(plan: PartPlan, partNumber: number, fileBytes: number): { start: number; end: number } {
  const start = (partNumber - 1) * plan.partSizeBytes;
  return { start, end: Math.min(fileBytes, start + plan.partSizeBytes) };
}

export function partNumbers(plan: PartPlan): number[] {
  return Array.from({ length: plan.partCount }, (_, index) => index + 1);
}

/** The parts that storage lacks, or has with another size than planned. */
export function missingParts(plan: PartPlan, fileBytes: number, stored: readonly StoredPart[]): number[] {
  const sizes = new Map(stored.map((part) => [part.part_number, part.size_bytes]));
  return partNumbers(plan).filter((number) => {
    const { start, end } = partRange(plan, number, fileBytes);
    return sizes.get(number) !== end - start;
  });
}
