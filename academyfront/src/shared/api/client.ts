import createClient, { type Middleware } from "openapi-fetch";
import { currentLanguage } from "@/shared/i18n/language";
import { NetworkProblem, readHttpProblem } from "./problem";
import type { paths } from "./schema";

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

const headers: Middleware = {
  onRequest({ request }) {
    request.headers.set("Accept", "application/json");
    request.headers.set("Accept-Language", currentLanguage());
    if (!SAFE_METHODS.has(request.method)) {
      // Read for every call: signing in rotates the token.
      request.headers.set("X-CSRFToken", readCookie("csrftoken") ?? "");
    }
    return request;
  },
};

/** The one door to the api. Same origin: the session cookie goes along by itself. */
export const api = createClient<paths>({ baseUrl: window.location.origin });
api.use(headers);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * Return the answer's body, or throw `HttpProblem` (refused) or `NetworkProblem` (no answer).
 * An aborted call throws its AbortError unchanged.
 */
export async function answerOf<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new NetworkProblem(error);
  }
  if (!answer.response.ok) throw readHttpProblem(answer.response, answer.error);
  return answer.data as T;
}

function readCookie(name: string): string | null {
  for (const pair of document.cookie.split("; ")) {
    const [key, value] = pair.split("=");
    if (key === name && value !== undefined) return decodeURIComponent(value);
  }
  return null;
}
