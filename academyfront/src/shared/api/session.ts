import { useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { answerOf, api } from "./client";
import type { components } from "./schema";

export type Session = components["schemas"]["Session"];

export const sessionKey = ["session"] as const;

/** Who is signed in. This call also sets the CSRF cookie that every write needs. */
export function useSession() {
  return useQuery({
    queryKey: sessionKey,
    queryFn: ({ signal }) => answerOf(api.GET("/api/v1/auth/session/", { signal })),
    staleTime: 5 * 60_000,
    retry: 2,
  });
}

/** Whether this person may upload and change videos; the server decides again at each call. */
export function useMayWrite(): boolean {
  const role = useSession().data?.role;
  return role === "owner" || role === "staff";
}

/** Under which name this browser keeps what concerns one person only. Several people may use it. */
export function useAccountName(): string {
  const session = useSession().data;
  return `${session?.tenant?.code ?? ""}/${session?.user?.id ?? ""}`;
}

/** Whether this person runs the installation. */
export function useIsOperator(): boolean {
  return useSession().data?.is_operator === true;
}

export function useLogin() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { username: string; password: string }) =>
      answerOf(api.POST("/api/v1/auth/login/", { body })),
    onSuccess: (session) => changeSession(client, session),
  });
}

export function useLogout() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answerOf(api.POST("/api/v1/auth/logout/")),
    onSuccess: () => changeSession(client, SIGNED_OUT),
  });
}

const SIGNED_OUT: Session = { authenticated: false, user: null, tenant: null, role: null, is_operator: false };

/** Everything else in the cache belongs to whoever was signed in before. */
function changeSession(client: QueryClient, session: Session): void {
  client.setQueryData(sessionKey, session);
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionKey[0] });
}
