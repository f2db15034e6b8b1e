import { createCRC32, createCRC64, createSHA256, type IHasher } from "hash-wasm";
import { CRCS, type ChecksumAlgorithm } from "./crc";
import { sampleRanges } from "./fingerprint";

// Large enough that reading costs few calls, small enough that memory stays flat.
const READ_BYTES = 4 * 1024 * 1024;

/** Work out a checksum. Rejects with the browser's own error when the file cannot be read. */
export async function checksumOf(algorithm: ChecksumAlgorithm, blob: Blob): Promise<bigint> {
  const hasher = await createHasher(algorithm);
  for (let start = 0; start < blob.size; start += READ_BYTES) await feed(hasher, blob.slice(start, start + READ_BYTES));
  return BigInt(`0x${hasher.digest("hex")}`);
}

export async function fingerprintOf(blob: Blob): Promise<string> {
  const hasher = await createSHA256();
  for (const { start, end } of sampleRanges(blob.size)) await feed(hasher, blob.slice(start, end));
  return hasher.digest("hex");
}

function createHasher(algorithm: ChecksumAlgorithm): Promise<IHasher> {
  const polynomial = CRCS[algorithm].polynomial;
  switch (algorithm) {
    case "CRC64NVME":
      return createCRC64(polynomial.toString(16));
    case "CRC32":
      return createCRC32(Number(polynomial));
  }
}

async function feed(hasher: IHasher, blob: Blob): Promise<void> {
  hasher.update(new Uint8Array(await blob.arrayBuffer()));
}
