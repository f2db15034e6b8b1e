import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answerOf, api } from "@/shared/api/client";
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];
export type Member = Schemas["Member"];
export type Role = Schemas["RoleEnum"];
export type ApiKey = Schemas["ApiKey"];
export type Scope = Schemas["ScopesEnum"];
export type IssuedApiKey = Schemas["IssuedApiKey"];
export type AuditEntry = Schemas["AuditEntry"];
export type Quota = Schemas["Quota"];

/** Above every query of this page. */
export const settingsKey = ["settings"] as const;
const keys = { members: [...settingsKey, "members"], apiKeys: [...settingsKey, "keys"] };

export const useMembers = () =>
  useQuery({ queryKey: keys.members, queryFn: ({ signal }) => answerOf(api.GET("/api/v1/tenant/members/", { signal })) });

export const useApiKeys = () =>
  useQuery({ queryKey: keys.apiKeys, queryFn: ({ signal }) => answerOf(api.GET("/api/v1/tenant/api-keys/", { signal })) });

export const useAudit = () =>
  useQuery({
    queryKey: [...settingsKey, "audit"],
    queryFn: ({ signal }) => answerOf(api.GET("/api/v1/tenant/audit/", { signal })),
  });

export const useUsage = () =>
  useQuery({
    queryKey: [...settingsKey, "quota"],
    queryFn: ({ signal }) => answerOf(api.GET("/api/v1/media/videos/quota/", { signal })),
  });

/** Everything that an owner changes; whatever is shown is read again afterwards. */
export function useSettle() {
  const client = useQueryClient();
  const onSettled = () => client.invalidateQueries({ queryKey: settingsKey });
  return {
    addMember: useMutation({
      mutationFn: (body: Schemas["AddMemberRequest"]) => answerOf(api.POST("/api/v1/tenant/members/", { body })),
      onSettled,
    }),
    changeRole: useMutation({
      mutationFn: ({ id, role }: { id: number; role: Role }) =>
        answerOf(api.PATCH("/api/v1/tenant/members/{id}/", { params: { path: { id } }, body: { role } })),
      onSettled,
    }),
    removeMember: useMutation({
      mutationFn: (id: number) => answerOf(api.DELETE("/api/v1/tenant/members/{id}/", { params: { path: { id } } })),
      onSettled,
    }),
    issueKey: useMutation({
      mutationFn: (body: { name: string; scopes: Scope[] }) => answerOf(api.POST("/api/v1/tenant/api-keys/", { body })),
      onSettled,
    }),
    revokeKey: useMutation({
      mutationFn: (prefix: string) =>
        answerOf(api.DELETE("/api/v1/tenant/api-keys/{prefix}/", { params: { path: { prefix } } })),
      onSettled,
    }),
  };
}
