import { StorageProblem, type ObjectTransport } from "./ports";

/** How a file is cut: every part but the last has the same size, as R2 demands. */
export interface PartPlan {
  partSizeBytes: number;
  partCount: number;
}

export interface PartTicket {
  part_number: number;
  url: string;
  headers: Readonly<Record<string, string>>;
}

export interface StoredParts {
  parts: readonly { part_number: number; size_bytes: number }[];
  /** The parts have become an object already: only `complete` is left to call. */
  complete: boolean;
}

export interface PartSenderPorts {
  transport: ObjectTransport;
  /** What storage really has; it decides what is sent again. */
  storedParts: () => Promise<StoredParts>;
  sign: (partNumbers: number[]) => Promise<PartTicket[]>;
  /** Repeats a step while its failure is of the passing kind. */
  withRetries: (step: () => Promise<void>) => Promise<void>;
  onProgress: (sentBytes: number) => void;
  signal: AbortSignal;
}

const LANES = 4;
/** URLs are signed as they are needed: an upload may take days, a URL lives for an hour. */
const SIGNED_AHEAD = 12;
const MAX_REFUSED_URLS = 3;

/** Send the parts that storage lacks, four at a time. Resolves when storage has acknowledged every one. */
export async function sendParts(file: Blob, plan: PartPlan, ports: PartSenderPorts): Promise<void> {
  const stored = await ports.storedParts();
  if (stored.complete) return;
  const sender = new PartSender(file, plan, ports, stored);
  await sender.run();
}

/** The first byte of a part and the one after its last. Numbers count from 1. */
export function partRange(plan: PartPlan, partNumber: number, fileBytes: number): { start: number; end: number } {
  const start = (partNumber - 1) * plan.partSizeBytes;
  return { start, end: Math.min(fileBytes, start + plan.partSizeBytes) };
}

/** The parts that storage lacks, or has with another size than planned. */
export function missingParts(plan: PartPlan, fileBytes: number, stored: StoredParts): number[] {
  const sizes = new Map(stored.parts.map((part) => [part.part_number, part.size_bytes]));
  const numbers = Array.from({ length: plan.partCount }, (_, index) => index + 1);
  return numbers.filter((number) => {
    const { start, end } = partRange(plan, number, fileBytes);
    return sizes.get(number) !== end - start;
  });
}

class PartSender {
  readonly #file: Blob;
  readonly #plan: PartPlan;
  readonly #ports: PartSenderPorts;
  readonly #waiting: number[];
  readonly #tickets = new Map<number, PartTicket>();
  readonly #sentOfPart = new Map<number, number>();
  #signing: Promise<void> | null = null;

  constructor(file: Blob, plan: PartPlan, ports: PartSenderPorts, stored: StoredParts) {
    this.#file = file;
    this.#plan = plan;
    this.#ports = ports;
    this.#waiting = missingParts(plan, file.size, stored);
    const missing = new Set(this.#waiting);
    for (let number = 1; number <= plan.partCount; number += 1) {
      if (!missing.has(number)) this.#note(number, this.#sizeOf(number));
    }
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: LANES }, () => this.#lane()));
  }

  async #lane(): Promise<void> {
    for (let number = this.#waiting.shift(); number !== undefined; number = this.#waiting.shift()) {
      await this.#send(number);
    }
  }

  async #send(number: number): Promise<void> {
    let refusals = 0;
    await this.#ports.withRetries(async () => {
      for (;;) {
        const ticket = await this.#ticketOf(number);
        try {
          await this.#put(number, ticket);
          return;
        } catch (error) {
          this.#note(number, 0);
          // 403: the URL has expired. 400: storage has refused damaged bytes.
          if (!isRefused(error) || refusals >= MAX_REFUSED_URLS) throw error;
          refusals += 1;
          this.#tickets.delete(number);
        }
      }
    });
    this.#note(number, this.#sizeOf(number));
  }

  async #put(number: number, ticket: PartTicket): Promise<void> {
    const { start, end } = partRange(this.#plan, number, this.#file.size);
    await this.#ports.transport.put({
      url: ticket.url,
      headers: ticket.headers,
      body: this.#file.slice(start, end),
      signal: this.#ports.signal,
      onProgress: (sentBytes) => this.#note(number, sentBytes),
    });
  }

  async #ticketOf(number: number): Promise<PartTicket> {
    for (;;) {
      const ticket = this.#tickets.get(number);
      if (ticket !== undefined) return ticket;
      // Four lanes ask at once; one page of signatures serves them all.
      this.#signing ??= this.#signPage(number).finally(() => (this.#signing = null));
      await this.#signing;
    }
  }

  async #signPage(first: number): Promise<void> {
    const page = [first, ...this.#waiting.filter((number) => !this.#tickets.has(number)).slice(0, SIGNED_AHEAD - 1)];
    for (const ticket of await this.#ports.sign(page)) this.#tickets.set(ticket.part_number, ticket);
  }

  #sizeOf(number: number): number {
    const { start, end } = partRange(this.#plan, number, this.#file.size);
    return end - start;
  }

  #note(number: number, sentBytes: number): void {
    this.#sentOfPart.set(number, sentBytes);
    let total = 0;
    for (const bytes of this.#sentOfPart.values()) total += bytes;
    this.#ports.onProgress(total);
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof StorageProblem && [400, 401, 403].includes(error.status);
}
