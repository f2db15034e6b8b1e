/** Checksums as object storage does them. Pure arithmetic; `hashing.ts` works them out from bytes. */

/** What storage can check. Both start from all ones and end inverted, so both join in the same way. */
export type ChecksumAlgorithm = "CRC64NVME" | "CRC32";

interface Crc {
  bits: bigint;
  /** Reflected: the coefficient of x^0 is the highest bit. */
  polynomial: bigint;
}

// NVM Express Base Specification 2.0, 5.2.1.3.4; ISO 3309.
export const CRCS: Readonly<Record<ChecksumAlgorithm, Crc>> = {
  CRC64NVME: { bits: 64n, polynomial: 0x9a6c_9329_ac4b_c9b5n },
  CRC32: { bits: 32n, polynomial: 0xedb8_8320n },
};

export interface Piece {
  checksum: bigint;
  sizeBytes: number;
}

/**
 * The checksum of a whole from its pieces' ones, in their order, without reading a byte again.
 *
 * A CRC is a remainder: what comes after a piece multiplies the piece's remainder by x^(8 * length).
 * https://github.com/madler/zlib/blob/v1.3.1/crc32.c (crc32_combine) does the same for CRC32.
 */
export function joinChecksums(algorithm: ChecksumAlgorithm, pieces: Iterable<Piece>): bigint {
  const crc = CRCS[algorithm];
  const shifts = new Map<number, bigint>();
  let whole = 0n;
  for (const { checksum, sizeBytes } of pieces) {
    const shift = shifts.get(sizeBytes) ?? powerOfX(crc, 8n * BigInt(sizeBytes));
    shifts.set(sizeBytes, shift);
    whole = multiply(crc, shift, whole) ^ checksum;
  }
  return whole;
}

/** As S3 writes it: the base64 of the bytes, the highest first. */
export function checksumText(algorithm: ChecksumAlgorithm, checksum: bigint): string {
  const digits = checksum.toString(16).padStart(Number(CRCS[algorithm].bits / 4n), "0");
  return btoa(digits.replace(/../gu, (pair) => String.fromCharCode(parseInt(pair, 16))));
}

function powerOfX(crc: Crc, exponent: bigint): bigint {
  let power = 1n << (crc.bits - 1n);
  let square = power >> 1n;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) power = multiply(crc, power, square);
    square = multiply(crc, square, square);
  }
  return power;
}

/** The product of two remainders, modulo the polynomial, over GF(2). */
function multiply({ bits, polynomial }: Crc, left: bigint, right: bigint): bigint {
  let product = 0n;
  let shifted = right;
  for (let bit = bits - 1n; bit >= 0n; bit -= 1n) {
    if (((left >> bit) & 1n) === 1n) product ^= shifted;
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
  }
  return product;
}
