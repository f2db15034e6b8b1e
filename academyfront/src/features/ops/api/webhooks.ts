import { useQuery } from "@tanstack/react-query";
import { answerOf, api } from "@/shared/api/client";
import type { components, operations } from "@/shared/api/schema";

export type WebhooksOverview = components["schemas"]["OpsWebhooks"];
export type WebhookEndpoint = components["schemas"]["OpsWebhookEndpoint"];
export type EndpointGroup = operations["ops_webhook_endpoints"]["parameters"]["query"]["group"];

const POLL_MS = 10_000;
const GROUPS: readonly EndpointGroup[] = ["active", "disabled", "waiting", "failing"];

export const useWebhooksOverview = () =>
  useQuery({
    queryKey: ["ops", "webhooks"],
    queryFn: ({ signal }) => answerOf(api.GET("/api/v1/media/videos/ops/webhooks/", { signal })),
    refetchInterval: POLL_MS,
  });

/** The webhooks behind a number of the overview. */
export const useEndpointsIn = (group: EndpointGroup) =>
  useQuery({
    queryKey: ["ops", "webhooks", group],
    queryFn: ({ signal }) =>
      answerOf(api.GET("/api/v1/media/videos/ops/webhooks/endpoints/", { params: { query: { group } }, signal })),
    refetchInterval: POLL_MS,
  });

export function groupOf(text: string | null): EndpointGroup {
  return GROUPS.find((group) => group === text) ?? "active";
}

export function addressOfGroup(group: EndpointGroup): string {
  return `/operations/webhooks?group=${group}`;
}
