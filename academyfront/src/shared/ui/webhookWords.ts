const FAULTS = [
  "name_not_resolved",
  "address_refused",
  "connect_failed",
  "tls_failed",
  "timed_out",
  "answer_broken",
  "url_refused",
  "secret_lost",
] as const;
type Fault = (typeof FAULTS)[number] | "unknown";

/** Why there was no answer, as far as we have words for it. */
export function asFault(code: string): Fault {
  return FAULTS.find((known) => known === code) ?? "unknown";
}
