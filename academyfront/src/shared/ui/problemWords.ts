import type { TFunction } from "i18next";
import { HttpProblem, NetworkProblem } from "@/shared/api/problem";

export interface ProblemWords {
  detail: string;
  hint: string;
  requestId: string | null;
}

/** What to tell a person: the server's own words where it gave some. */
export function problemWords(error: unknown, t: TFunction): ProblemWords {
  if (error instanceof HttpProblem && error.facts.detail !== "") {
    return { detail: error.facts.detail, hint: error.facts.hint, requestId: error.facts.requestId };
  }
  if (error instanceof NetworkProblem) {
    return { detail: t("problem.network"), hint: t("problem.networkHint"), requestId: null };
  }
  const requestId = error instanceof HttpProblem ? error.facts.requestId : null;
  return { detail: t("problem.unexpected"), hint: t("problem.unexpectedHint"), requestId };
}
