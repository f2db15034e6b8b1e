/** The names that this feature uses for the api's generated types. */
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];

export type Video = Schemas["Video"];
export type VideoStatus = Schemas["StatusEnum"];
export type VideoAction = Schemas["AllowedActionsEnum"];
export type VideoPage = Schemas["PaginatedVideoList"];
export type UploadInit = Schemas["UploadInitRequest"];
export type UploadTicket = Schemas["UploadTicket"];
export type CompletedUpload = Schemas["CompletedUpload"];
export type TimelineEvent = Schemas["TimelineEntry"];
export type FeedEvent = Schemas["FeedEvent"];
export type Why = Schemas["Why"];
export type NextStep = Schemas["NextStepCodeEnum"];
export type Evidence = Schemas["Evidence"];
export type SessionOfVideos = Schemas["SessionOfVideos"];
export type BulkAnswer = Schemas["BulkAnswer"];
export type Playback = Schemas["PlaybackGrant"];
export type PlaybackPolicy = Schemas["PlaybackPolicy"];
/** Of a whole file, by algorithm; empty where it is not known. */
export type WholeChecksums = Schemas["UploadCompleteRequest"];
export type Quota = Schemas["Quota"];
