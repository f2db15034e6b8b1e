/** What a call may end with instead of an answer. Pages show `detail` and `hint`; code decides by `code`. */

export interface HttpProblemFacts {
  status: number;
  code: string;
  detail: string;
  hint: string;
  requestId: string | null;
  fields: Readonly<Record<string, readonly string[]>>;
  retryAfterSeconds: number | null;
  body: unknown;
}

/** The server answered, and refused. */
export class HttpProblem extends Error {
  readonly kind = "http";
  readonly facts: HttpProblemFacts;

  constructor(facts: HttpProblemFacts) {
    super(`${facts.status} ${facts.code}`);
    this.name = "HttpProblem";
    this.facts = facts;
  }
}

/** No answer arrived: offline, connection cut, server gone. Whether the call took effect is unknown. */
export class NetworkProblem extends Error {
  readonly kind = "network";

  constructor(cause: unknown) {
    super("no answer", { cause });
    this.name = "NetworkProblem";
  }
}

export function isHttpProblem(error: unknown, ...codes: string[]): error is HttpProblem {
  return error instanceof HttpProblem && (codes.length === 0 || codes.includes(error.facts.code));
}

export function hasStatus(error: unknown, status: number): error is HttpProblem {
  return error instanceof HttpProblem && error.facts.status === status;
}

/** Read a refusal, also one that did not come from our api (a proxy's HTML page has no code). */
export function readHttpProblem(response: Response, body: unknown): HttpProblem {
  const record = asRecord(body);
  return new HttpProblem({
    status: response.status,
    code: asText(record["code"]) ?? `http_${response.status}`,
    detail: asText(record["detail"]) ?? "",
    hint: asText(record["hint"]) ?? "",
    requestId: asText(record["request_id"]) ?? response.headers.get("X-Request-ID"),
    fields: readFields(record["fields"]),
    retryAfterSeconds: parseRetryAfter(response.headers.get("Retry-After"), Date.now()),
    body,
  });
}

/** `Retry-After` is seconds or an HTTP date (RFC 9110, 10.2.3). */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, (at - nowMs) / 1000);
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function asText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function readFields(value: unknown): Record<string, string[]> {
  const fields: Record<string, string[]> = {};
  for (const [name, messages] of Object.entries(asRecord(value))) {
    if (Array.isArray(messages)) fields[name] = messages.map(String);
  }
  return fields;
}
