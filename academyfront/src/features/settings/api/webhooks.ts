import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answerOf, api } from "@/shared/api/client";
import type { components } from "@/shared/api/schema";
import { settingsKey } from "./settings";

type Schemas = components["schemas"];
export type Webhook = Schemas["Webhook"];
export type IssuedWebhook = Schemas["IssuedWebhook"];
export type EventType = Schemas["EventTypesEnum"];
export type Delivery = Schemas["WebhookDelivery"];
export type Attempt = Schemas["WebhookAttempt"];

const key = [...settingsKey, "webhooks"] as const;
const WAITING_POLL_MS = 1_500;
const BACKLOG_POLL_MS = 5_000;

const address = (id: number) => ({ params: { path: { id } } });

export const useWebhooks = () =>
  useQuery({
    queryKey: key,
    queryFn: ({ signal }) => answerOf(api.GET("/api/v1/tenant/webhooks/", { signal })),
    refetchInterval: ({ state }) => (state.data?.some(({ waiting }) => waiting > 0) === true ? BACKLOG_POLL_MS : false),
  });

/** A page of the log, asked for again while something on it waits to be sent. */
export const useDeliveries = (id: number, before: number | undefined) =>
  useQuery({
    queryKey: [...key, id, "deliveries", before],
    queryFn: ({ signal }) =>
      answerOf(
        api.GET("/api/v1/tenant/webhooks/{id}/deliveries/", {
          params: { path: { id }, query: before === undefined ? {} : { before } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      state.data?.results.some((delivery) => delivery.state === "pending") === true ? WAITING_POLL_MS : false,
  });

/** What an owner does with webhooks; whatever is shown is read again afterwards. */
export function useWebhookActions() {
  const client = useQueryClient();
  const onSettled = () => client.invalidateQueries({ queryKey: settingsKey });
  return {
    add: useMutation({
      mutationFn: (body: Schemas["AddWebhookRequest"]) => answerOf(api.POST("/api/v1/tenant/webhooks/", { body })),
      onSettled,
    }),
    change: useMutation({
      mutationFn: ({ id, ...body }: { id: number } & Schemas["PatchedChangeWebhookRequest"]) =>
        answerOf(api.PATCH("/api/v1/tenant/webhooks/{id}/", { ...address(id), body })),
      onSettled,
    }),
    rotate: useMutation({
      mutationFn: (id: number) => answerOf(api.POST("/api/v1/tenant/webhooks/{id}/rotate/", address(id))),
      onSettled,
    }),
    test: useMutation({
      mutationFn: (id: number) => answerOf(api.POST("/api/v1/tenant/webhooks/{id}/test/", address(id))),
      onSettled,
    }),
    replay: useMutation({
      mutationFn: ({ id, after }: { id: number; after: number }) =>
        answerOf(api.POST("/api/v1/tenant/webhooks/{id}/replay/", { ...address(id), body: { after } })),
      onSettled,
    }),
    remove: useMutation({
      mutationFn: (id: number) => answerOf(api.DELETE("/api/v1/tenant/webhooks/{id}/", address(id))),
      onSettled,
    }),
  };
}
