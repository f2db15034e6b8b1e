"""
Everything the pipeline refuses, on one screen.

The docstring says what happened, `code` is stable and public, texts for people are in `messages`.
HTTP statuses are chosen in `apps.api.exception_handler` and nowhere else.
"""

from typing import ClassVar


class VideoError(Exception):
    """The pipeline refused a request."""

    code: ClassVar[str] = "video_error"
    retry_after_seconds: ClassVar[int | None] = None
    public_params: ClassVar[tuple[str, ...]] = ()
    """Params that the answer carries as fields of their own, for programs."""

    def __init__(self, **params: object) -> None:
        self.params = params
        self.extra_fields: dict[str, object] = {}
        """Further fields of the answer, added by whoever can represent them."""
        super().__init__(f"{self.code}: {params}" if params else self.code)

    def public_fields(self) -> dict[str, object]:
        """Return the fields of the answer beside code, detail and hint."""
        return {name: self.params.get(name) for name in self.public_params} | self.extra_fields


class VideoNotFound(VideoError):
    """No such video for this tenant. Another tenant's video does not exist."""

    code = "not_found"


class InvalidStatus(VideoError):
    """The video is not in a state that allows this."""

    code = "invalid_status"
    public_params = ("status", "video_id", "job_id")


class SizeNotAllowed(VideoError):
    """The file is empty or larger than one upload may be."""

    code = "size_not_allowed"
    public_params = ("limit_bytes",)


class QuotaExceeded(VideoError):
    """One of the tenant's limits leaves no room for this upload."""

    code = "quota_exceeded"
    public_params = ("limit", "used", "allowed", "requested")


class FileTypeNotAllowed(VideoError):
    """The file's extension or declared type is not a video that we take."""

    code = "file_type_not_allowed"


class SourceNotFoundOrEmpty(VideoError):
    """Storage has no object under the upload's key, or an empty one."""

    code = "source_not_found_or_empty"


class UploadIncomplete(VideoError):
    """Storage has an object of another size than was announced, or not all of its parts."""

    code = "upload_incomplete"
    public_params = ("stored_bytes", "declared_bytes", "missing_parts", "missing_part_count")


class UploadChecksumMismatch(VideoError):
    """What storage has is not the file whose checksum was announced."""

    code = "upload_checksum_mismatch"
    public_params = ("video_id",)


class UploadNotMultipart(VideoError):
    """The upload is one PUT and has no parts."""

    code = "upload_not_multipart"


class PartNumbersInvalid(VideoError):
    """A part was asked for that the plan does not have."""

    code = "invalid_part_numbers"
    public_params = ("part_count",)


class PartChecksumsInvalid(VideoError):
    """A part's checksum is missing, or none of the algorithm that the upload's ticket names."""

    code = "invalid_part_checksums"
    public_params = ("checksum_algorithm",)


class UploadUrlExpired(VideoError):
    """The upload's deadline has passed; it takes a fresh upload."""

    code = "upload_expired"


class PresignedGetFailed(VideoError):
    """No URL could be signed to read the source."""

    code = "presigned_get_failed"


class UnsupportedMedia(VideoError):
    """The source can never become a playable video; `cause_code` says why."""

    code = "unsupported_media"
    public_params = ("cause_code", "video_id")


class StorageUnavailable(VideoError):
    """Storage did not answer. Nothing changed; the same call may be repeated."""

    code = "storage_unavailable"
    retry_after_seconds = 5


class EnqueueFailed(VideoError):
    """The job is stored but SQS did not take its message in time. The relay goes on by itself."""

    code = "VIDEO_UPLOAD_ENQUEUE_FAILED"
    public_params = ("video_id", "job_id")
    retry_after_seconds = 5


class EventStreamsExhausted(VideoError):
    """This process holds as many event streams as it may."""

    code = "event_streams_exhausted"
    retry_after_seconds = 30


class PlaybackTokenInvalid(VideoError):
    """The playback token is malformed, forged, expired, or for something else."""

    code = "playback_token_invalid"


class PlaybackObjectMissing(VideoError):
    """The playlist that the token names is not there."""

    code = "playback_object_missing"


class JobPreconditionFailed(VideoError):
    """A job was asked for a video that cannot have one now: an internal bug, never the caller's fault."""

    code = "job_precondition_failed"


class TransitionRefused(Exception):
    """A conditional update found another state than it expected: someone else was there first."""


class JobNotVisible(Exception):
    """No such job, or its commit is not visible yet. Leave the message for redelivery."""


class JobHeld(Exception):
    """Another live attempt has the job, or its next attempt is not due. Hide the message for a while."""

    def __init__(self, *, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"held for {retry_after_seconds:.0f} s")


class TenantFull(Exception):
    """All who wait are of tenants that run as many jobs as they may; free slots wake them up. The message can go."""


class JobSettled(Exception):
    """The job has its outcome. The message can go."""


class LeaseLost(Exception):
    """Another attempt, a cancel or a deletion has taken the job: stop, and touch nothing."""
