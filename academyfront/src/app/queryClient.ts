import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { HttpProblem, hasStatus } from "@/shared/api/problem";
import { sessionKey } from "@/shared/api/session";

/** One cache for the page. A 401 from anywhere means that the session ended: ask who we are, and sign in again. */
export function createQueryClient(): QueryClient {
  const onError = (error: unknown) => {
    if (hasStatus(error, 401)) void client.invalidateQueries({ queryKey: sessionKey });
  };
  const client = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: { retry: shouldRetry, staleTime: 1_000 },
      // A call that is not known to be repeatable is repeated by a person.
      mutations: { retry: false },
    },
  });
  return client;
}

function shouldRetry(failures: number, error: unknown): boolean {
  if (error instanceof HttpProblem && error.facts.status < 500 && error.facts.status !== 429) return false;
  return failures < 2;
}
