import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answerOf, api } from "@/shared/api/client";
import type { components, operations } from "@/shared/api/schema";

type Schemas = components["schemas"];
export type Overview = Schemas["OpsOverview"];
export type Invariant = Schemas["OpsInvariant"];
export type Finding = Schemas["OpsFinding"];
export type Worker = Schemas["OpsWorker"];
export type ThroughputStep = Schemas["ThroughputStep"];
export type PlacedVideo = Schemas["PlacedVideo"];
export type Place = operations["ops_videos"]["parameters"]["query"]["place"];
export type Window = "hour" | "day";

const OVERVIEW_POLL_MS = 5_000;
const THROUGHPUT_POLL_MS = 60_000;
const overviewKey = ["ops", "overview"] as const;

export const useOverview = () =>
  useQuery({
    queryKey: overviewKey,
    queryFn: ({ signal }) => answerOf(api.GET("/api/v1/media/videos/ops/overview/", { signal })),
    refetchInterval: OVERVIEW_POLL_MS,
  });

export const useThroughput = (window: Window) =>
  useQuery({
    queryKey: ["ops", "throughput", window],
    queryFn: ({ signal }) =>
      answerOf(api.GET("/api/v1/media/videos/ops/throughput/", { params: { query: { window } }, signal })),
    refetchInterval: THROUGHPUT_POLL_MS,
  });

/** The videos behind a number of the overview. */
export const useVideosAt = (place: Place, tenant: string | null) =>
  useQuery({
    queryKey: ["ops", "videos", place, tenant],
    queryFn: ({ signal }) =>
      answerOf(
        api.GET("/api/v1/media/videos/ops/videos/", {
          params: { query: { place, ...(tenant === null ? {} : { tenant }) } },
          signal,
        }),
      ),
    refetchInterval: OVERVIEW_POLL_MS,
  });

/** Look for what breaks one invariant, or repair it. */
export function useReconcile() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ code, apply }: { code: string; apply: boolean }) =>
      answerOf(
        api.POST("/api/v1/media/videos/ops/reconcile/", {
          body: { invariants: [code as Schemas["InvariantsEnum"]], apply },
        }),
      ),
    onSettled: () => client.invalidateQueries({ queryKey: overviewKey }),
  });
}
