"""
What a tenant may use, what a video uses of it, and whether one more fits.

A video is charged by its state alone: whoever knows the state can work the charge out again, and V11 does.
"""

from dataclasses import dataclass
from enum import StrEnum

from .errors import QuotaExceeded
from .lifecycle import UploadState, VideoStatus


class Limit(StrEnum):
    """What can be used up."""

    STORED_BYTES = "stored_bytes"
    STORED_SECONDS = "stored_seconds"
    OPEN_UPLOADS = "open_uploads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a tenant may use. None is unlimited."""

    file_bytes: int
    stored_bytes: int | None = None
    stored_seconds: int | None = None
    open_uploads: int | None = None
    duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """
    What one video uses, or all of a tenant's together. Whole numbers, so that sums do not drift.

    `reserved_bytes` are announced or being encoded, `stored_bytes` are a READY video's source and output.
    """

    reserved_bytes: int = 0
    stored_bytes: int = 0
    stored_milliseconds: int = 0
    open_uploads: int = 0

    def minus(self, other: "Charge") -> "Charge":
        """Return the difference, which may be negative."""
        return Charge(
            reserved_bytes=self.reserved_bytes - other.reserved_bytes,
            stored_bytes=self.stored_bytes - other.stored_bytes,
            stored_milliseconds=self.stored_milliseconds - other.stored_milliseconds,
            open_uploads=self.open_uploads - other.open_uploads,
        )


FREE = Charge()


def charge_of(
    *,
    status: VideoStatus,
    upload: UploadState,
    is_deleted: bool,
    size_bytes: int,
    output_bytes: int,
    duration_seconds: float | None,
) -> Charge:
    """Return what a video uses: reserved from init, settled when READY, nothing once it failed, expired or went."""
    if is_deleted:
        return FREE
    if upload is UploadState.PENDING:
        return Charge(reserved_bytes=size_bytes, open_uploads=1)
    milliseconds = int((duration_seconds or 0.0) * 1000)
    if status is VideoStatus.READY:
        return Charge(stored_bytes=size_bytes + output_bytes, stored_milliseconds=milliseconds)
    if status in {VideoStatus.UPLOADED, VideoStatus.PROCESSING}:
        return Charge(reserved_bytes=size_bytes, stored_milliseconds=milliseconds)
    return FREE


def require_room(*, used: Charge, limits: Limits, size_bytes: int) -> None:
    """
    Let one more upload of this size pass only when it fits.

    Seconds are known only after the upload, so that limit closes the door when it is used up.

    Raises:
        QuotaExceeded: It does not fit; names the limit, what is used, allowed and requested.
    """
    bytes_used = used.reserved_bytes + used.stored_bytes
    seconds_used = used.stored_milliseconds // 1000
    _require(Limit.OPEN_UPLOADS, used=used.open_uploads, allowed=limits.open_uploads, requested=1)
    _require(Limit.STORED_BYTES, used=bytes_used, allowed=limits.stored_bytes, requested=size_bytes)
    _require(Limit.STORED_SECONDS, used=seconds_used, allowed=limits.stored_seconds, requested=1)


def _require(limit: Limit, *, used: int, allowed: int | None, requested: int) -> None:
    if allowed is not None and used + requested > allowed:
        raise QuotaExceeded(limit=limit.value, used=used, allowed=allowed, requested=requested)
