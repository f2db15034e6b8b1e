"""
What the API answers, as its document says.

Made by `python clients/python/answers.py` from docs/reference/openapi.yaml; a test holds that it is up to date. A
server that is newer than this client may send fields beside these.
"""

from typing import Literal, TypedDict

Status = Literal["PENDING", "UPLOADED", "PROCESSING", "READY", "FAILED", "EXPIRED"]
AllowedActions = Literal["complete", "refresh_url", "retry", "cancel", "play", "download", "update", "delete"]
Strategy = Literal["single", "multipart"]
Method = Literal["PUT"]
ChecksumAlgorithm = Literal["CRC64NVME", "CRC32"]
Enqueue = Literal["sent"]
Verification = Literal["verified", "deferred"]


class PlaybackPolicy(TypedDict):
    """What a video asks of players, which follow it; it is no protection of what may be fetched."""

    allow_skip: bool
    """Viewers may jump to what they have not watched yet."""
    max_speed: float
    """The fastest playback rate; 1 is as recorded."""
    watermark: bool
    """The viewer's name is shown over the picture."""


class Progress(TypedDict):
    """How far the active job has come."""

    stage: str
    """What the worker is doing; empty while the job waits."""
    percent: float
    """Work done, 0 to 100."""
    remaining_seconds: float | None


class Failure(TypedDict):
    """Why it failed, in the reader's language."""

    code: str
    detail: str
    hint: str


class Video(TypedDict):
    """A video as lists and pages show it."""

    id: int
    title: str
    session: str
    position: int
    status: Status
    status_changed_at: str
    created_at: str
    filename: str
    size_bytes: int
    duration_seconds: float | None
    width: int | None
    height: int | None
    playable: bool
    """It can be watched, perhaps only its beginning yet."""
    playable_until_seconds: float | None
    """How far it can be watched now; null while it cannot be watched at all."""
    thumbnail_url: str | None
    policy: PlaybackPolicy
    progress: Progress | None
    failure: Failure | None
    job_id: str | None
    allowed_actions: list[AllowedActions]


class UploadPlan(TypedDict):
    """How to send the bytes: with one PUT, or in equal parts whose URLs are signed page by page."""

    strategy: Strategy
    method: Method
    headers: dict[str, str]
    """Send exactly these."""
    part_size_bytes: int | None
    """Of every part but the last."""
    part_count: int | None
    expires_at: str
    """The URL's end; of an upload in parts its deadline."""
    checksum_algorithm: ChecksumAlgorithm | None
    """What storage checks, and what the checksums of this upload are; null: it checks nothing."""


class UploadTicket(TypedDict):
    """The answer to `upload/init/`."""

    video: Video
    file_key: str
    content_type: str
    upload: UploadPlan
    upload_url: str | None
    """Null for an upload in parts."""


class UploadDescription(TypedDict):
    """The answer to `upload/`: how an unfinished upload is to be sent."""

    video: Video
    file_key: str
    content_type: str
    upload: UploadPlan


class StoredPart(TypedDict):
    """One part that storage has."""

    part_number: int
    size_bytes: int
    etag: str
    checksum_crc64nvme: str | None
    checksum_crc32: str | None


class StoredParts(TypedDict):
    """The answer to `upload/multipart/parts/`."""

    part_size_bytes: int
    part_count: int
    parts: list[StoredPart]
    complete: bool
    """The parts have become an object: only `complete` is left to call."""


class PartTicket(TypedDict):
    """Where one part goes."""

    part_number: int
    url: str
    headers: dict[str, str]
    """Send exactly these."""
    size_bytes: int
    """The URL accepts no other length."""


class PartTickets(TypedDict):
    """The answer to `upload/multipart/presign/`."""

    parts: list[PartTicket]
    expires_at: str


class CompletedUpload(TypedDict):
    """The answer to `upload/complete/` when all is done."""

    video: Video
    job_id: str
    enqueue: Enqueue
    verification: Verification


class UsedAmount(TypedDict):
    """Something that is used up. `allowed` is null where there is no limit."""

    used: int
    allowed: int | None


class Quota(TypedDict):
    """The answer to `quota/`."""

    stored_bytes: UsedAmount
    reserved_bytes: int
    """The part of the bytes in use that is not READY yet."""
    stored_seconds: UsedAmount
    open_uploads: UsedAmount
    file_bytes: int
    """The largest file that may be uploaded."""
    duration_seconds: float
    """The longest video that is taken."""
