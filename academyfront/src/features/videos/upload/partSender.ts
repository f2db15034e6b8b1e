import { checksumText, joinChecksums, type ChecksumAlgorithm } from "./crc";
import { afterArrival, afterSetback, allLanes } from "./laneControl";
import { missingParts, partNumbers, partRange, type PartPlan, type StoredPart } from "./partPlan";
import { DifferentFile, StorageProblem, type ObjectTransport } from "./ports";

export interface PartTicket {
  part_number: number;
  url: string;
  headers: Readonly<Record<string, string>>;
}

export interface PartToSign {
  partNumber: number;
  /** As storage writes it; null where storage checks nothing. */
  checksum: string | null;
}

export interface SignedParts {
  parts: readonly PartTicket[];
  expiresAtMs: number;
}

export interface StoredParts {
  parts: readonly StoredPart[];
  /** The parts have become an object already: only `complete` is left to call. */
  complete: boolean;
}

export interface SendProgress {
  /** Handed to the network, of which storage has acknowledged `storedBytes`. */
  sentBytes: number;
  storedBytes: number;
}

export interface PartSenderPorts {
  transport: ObjectTransport;
  /** What storage really has; it decides what is sent again. */
  storedParts: () => Promise<StoredParts>;
  sign: (parts: PartToSign[]) => Promise<SignedParts>;
  checksums: { algorithm: ChecksumAlgorithm; of: (blob: Blob) => Promise<bigint> } | null;
  /** Whether a part may simply be sent again after this, in a while. */
  isPassing: (error: unknown) => boolean;
  /** Waits before the next attempt, the `setbacks`-th in a row. Throws when it is time to give up. */
  backOff: (error: unknown, setbacks: number) => Promise<void>;
  onProgress: (progress: SendProgress) => void;
  nowMs: () => number;
  signal: AbortSignal;
}

export interface PartSenderOptions {
  /** Nobody has seen yet that this is the file that was begun. */
  isStranger: boolean;
}

// The api signs at most a hundred at once. Parts are hashed before they are signed, and lanes wait meanwhile.
const PAGE_PARTS = 100;
const PAGE_BYTES = 64 * 1024 * 1024;
const EXPIRY_MARGIN_MS = 30_000;
const MAX_REFUSALS = 3;

/**
 * Send the parts that storage lacks, up to four at a time. Resolves when storage has acknowledged every one, with the
 * checksum of the whole file where storage does checksums and this visit has seen all of the file.
 */
export async function sendParts(
  file: Blob,
  plan: PartPlan,
  ports: PartSenderPorts,
  options: PartSenderOptions = { isStranger: false },
): Promise<bigint | null> {
  const stored = await ports.storedParts();
  if (stored.complete) return null;
  return new PartSender(file, plan, ports, stored.parts, options).run();
}

class PartSender {
  readonly #file: Blob;
  readonly #plan: PartPlan;
  readonly #ports: PartSenderPorts;
  readonly #options: PartSenderOptions;
  /** Ends the lanes when one of them has met what cannot be repeated. */
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  readonly #kept: readonly StoredPart[];
  readonly #waiting: number[];
  readonly #tickets = new Map<number, PartTicket & { expiresAtMs: number }>();
  readonly #refusals = new Map<number, number>();
  readonly #checksums = new Map<number, bigint>();
  readonly #sentOfPart = new Map<number, number>();
  #storedBytes = 0;
  #active = 0;
  #control = allLanes;
  #setbacks = 0;
  #isHeld = false;
  #isChecking = true;
  #signing: Promise<void> | null = null;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(
    file: Blob,
    plan: PartPlan,
    ports: PartSenderPorts,
    stored: readonly StoredPart[],
    options: PartSenderOptions,
  ) {
    this.#file = file;
    this.#plan = plan;
    this.#ports = ports;
    this.#options = options;
    this.#signal = AbortSignal.any([ports.signal, this.#end.signal]);
    this.#waiting = missingParts(plan, file.size, stored);
    const missing = new Set(this.#waiting);
    this.#kept = stored.filter(({ part_number: number }) => number <= plan.partCount && !missing.has(number));
    for (const { part_number: number } of this.#kept) this.#noteStored(number);
  }

  async run(): Promise<bigint | null> {
    this.#report();
    if (this.#options.isStranger) await this.#meet();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
        this.#checkKept().then(() => this.#checked(), reject);
        this.#pump();
      });
    } finally {
      this.#end.abort();
    }
    return this.#whole();
  }

  #checked(): void {
    this.#isChecking = false;
    this.#pump();
  }

  /** Look at one part that is there already, before another file's bytes take the place of the right ones. */
  async #meet(): Promise<void> {
    const [known] = this.#kept;
    if (known !== undefined && !(await this.#isAsStored(known))) throw new DifferentFile();
  }

  /** Compare what storage has with the file: parts of other bytes are sent again. */
  async #checkKept(): Promise<void> {
    if (this.#ports.checksums === null) return;
    for (const part of this.#kept) {
      this.#signal.throwIfAborted();
      const number = part.part_number;
      if (await this.#isAsStored(part)) continue;
      this.#storedBytes -= this.#sizeOf(number);
      this.#note(number, 0);
      this.#waiting.push(number);
      this.#pump();
    }
  }

  /** Where storage does not tell its checksums, the length has to do. */
  async #isAsStored({ part_number: number, checksums: stored }: StoredPart): Promise<boolean> {
    if (this.#ports.checksums === null) return true;
    const own = await this.#checksumTextOf(number);
    const theirs = stored[this.#ports.checksums.algorithm];
    return theirs === null || theirs === own;
  }

  #pump(): void {
    if (this.#signal.aborted) {
      this.#reject(this.#signal.reason);
      return;
    }
    if (!this.#isHeld) {
      while (this.#active < this.#control.lanes) {
        const number = this.#waiting.shift();
        if (number === undefined) break;
        this.#active += 1;
        void this.#attempt(number);
      }
    }
    if (this.#active === 0 && this.#waiting.length === 0 && !this.#isChecking) this.#resolve();
  }

  async #attempt(number: number): Promise<void> {
    try {
      await this.#put(number, await this.#ticketOf(number));
      this.#noteStored(number);
      this.#setbacks = 0;
      this.#control = afterArrival(this.#control);
      this.#report();
    } catch (error) {
      this.#note(number, 0);
      this.#waiting.unshift(number);
      await this.#recover(number, error);
    } finally {
      this.#active -= 1;
      this.#pump();
    }
  }

  async #put(number: number, ticket: PartTicket): Promise<void> {
    const { start, end } = partRange(this.#plan, number, this.#file.size);
    await this.#ports.transport.put({
      url: ticket.url,
      headers: ticket.headers,
      body: this.#file.slice(start, end),
      signal: this.#signal,
      onProgress: (sentBytes) => {
        this.#note(number, sentBytes);
        this.#report();
      },
    });
  }

  /** Decide what a failed attempt means: a fresh URL, a pause for all lanes, or the end. */
  async #recover(number: number, error: unknown): Promise<void> {
    if (this.#signal.aborted) return;
    try {
      if (this.#mayAskAgain(number, error)) return;
      if (!this.#ports.isPassing(error)) throw error;
      // Lanes that fail together wait together.
      if (this.#isHeld) return;
      this.#isHeld = true;
      this.#setbacks += 1;
      this.#control = afterSetback(this.#control);
      await this.#ports.backOff(error, this.#setbacks);
      this.#isHeld = false;
    } catch (final) {
      this.#reject(final);
      this.#end.abort(final);
    }
  }

  #mayAskAgain(number: number, error: unknown): boolean {
    // 403: the URL has expired. 400: storage has refused damaged bytes. Both take a URL that is signed anew.
    if (!(error instanceof StorageProblem) || ![400, 401, 403].includes(error.status)) return false;
    const refusals = (this.#refusals.get(number) ?? 0) + 1;
    this.#refusals.set(number, refusals);
    this.#tickets.delete(number);
    // Damaged may have been what was hashed, not what was sent.
    this.#checksums.delete(number);
    return refusals <= MAX_REFUSALS;
  }

  async #ticketOf(number: number): Promise<PartTicket> {
    for (;;) {
      this.#signal.throwIfAborted();
      const ticket = this.#tickets.get(number);
      if (ticket !== undefined && ticket.expiresAtMs - this.#ports.nowMs() > EXPIRY_MARGIN_MS) {
        this.#signAhead();
        return ticket;
      }
      this.#tickets.delete(number);
      await this.#signPage([number]);
    }
  }

  /** Have URLs ready before a lane asks for them. A failure here is met again by the lane that needs the URL. */
  #signAhead(): void {
    const next = this.#waiting.find((number) => !this.#tickets.has(number));
    const ready = this.#waiting.filter((number) => this.#tickets.has(number)).length;
    if (next === undefined || ready >= this.#control.lanes || this.#isHeld) return;
    this.#signPage([]).catch(() => undefined);
  }

  /** Several lanes ask at once; one page of signatures serves them all. */
  #signPage(wanted: number[]): Promise<void> {
    this.#signing ??= this.#signNow(wanted).finally(() => (this.#signing = null));
    return this.#signing;
  }

  async #signNow(wanted: number[]): Promise<void> {
    const ahead = this.#waiting.filter((number) => !this.#tickets.has(number) && !wanted.includes(number));
    const affordable = Math.max(1, Math.floor(PAGE_BYTES / this.#plan.partSizeBytes));
    const page = [...wanted, ...ahead].slice(0, Math.min(PAGE_PARTS, affordable));
    const parts: PartToSign[] = [];
    for (const partNumber of page) parts.push({ partNumber, checksum: await this.#checksumTextOf(partNumber) });
    const { parts: tickets, expiresAtMs } = await this.#ports.sign(parts);
    for (const ticket of tickets) this.#tickets.set(ticket.part_number, { ...ticket, expiresAtMs });
  }

  async #checksumTextOf(number: number): Promise<string | null> {
    const { checksums } = this.#ports;
    return checksums === null ? null : checksumText(checksums.algorithm, await this.#checksumOf(number));
  }

  async #checksumOf(number: number): Promise<bigint> {
    const known = this.#checksums.get(number);
    if (known !== undefined) return known;
    if (this.#ports.checksums === null) throw new Error("storage does no checksums");
    const { start, end } = partRange(this.#plan, number, this.#file.size);
    const checksum = await this.#ports.checksums.of(this.#file.slice(start, end));
    this.#checksums.set(number, checksum);
    return checksum;
  }

  #whole(): bigint | null {
    const { checksums } = this.#ports;
    if (checksums === null) return null;
    const pieces = partNumbers(this.#plan).map((number) => {
      const checksum = this.#checksums.get(number);
      if (checksum === undefined) throw new Error(`part ${number} was never hashed`);
      return { checksum, sizeBytes: this.#sizeOf(number) };
    });
    return joinChecksums(checksums.algorithm, pieces);
  }

  #sizeOf(number: number): number {
    const { start, end } = partRange(this.#plan, number, this.#file.size);
    return end - start;
  }

  #noteStored(number: number): void {
    this.#storedBytes += this.#sizeOf(number);
    this.#sentOfPart.delete(number);
  }

  /** Only of parts on their way: those that arrived are in `#storedBytes`. */
  #note(number: number, sentBytes: number): void {
    if (sentBytes === 0) this.#sentOfPart.delete(number);
    else this.#sentOfPart.set(number, sentBytes);
  }

  #report(): void {
    let sentBytes = this.#storedBytes;
    for (const bytes of this.#sentOfPart.values()) sentBytes += bytes;
    this.#ports.onProgress({ sentBytes, storedBytes: this.#storedBytes });
  }
}
