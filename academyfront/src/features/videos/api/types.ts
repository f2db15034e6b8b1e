/** The names that this feature uses for the api's generated types. */
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];

export type Video = Schemas["Video"];
export type VideoStatus = Schemas["VideoStatus"];
export type VideoAction = Schemas["VideoAction"];
export type VideoPage = Schemas["VideoPage"];
export type UploadInit = Schemas["UploadInit"];
export type UploadTicket = Schemas["UploadTicket"];
export type UploadCompleted = Schemas["UploadCompleted"];
export type TimelineEvent = Schemas["TimelineEvent"];
export type Playback = Schemas["Playback"];
