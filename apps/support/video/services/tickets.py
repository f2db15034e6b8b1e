"""What an uploader needs to send the bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from libs.s3_client.client import checksum_header

from ..domain.checksums import Checksum
from ..domain.errors import UploadUrlExpired
from ..domain.lifecycle import UploadState
from ..domain.part_plan import UploadStrategy
from ..domain.ports import ObjectStorage
from ..models import Video, VideoUpload
from .storage_errors import translated_storage_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTicket:
    """
    One PUT to `upload_url` with exactly these headers; or a plan of parts, whose URLs are signed page by page.

    `expires_at` is the URL's end, or the upload's deadline where there is no URL. `checksum_algorithm` is what
    storage checks, or None.
    """

    video: Video
    upload_url: str | None
    file_key: str
    content_type: str
    strategy: UploadStrategy
    headers: Mapping[str, str]
    part_size_bytes: int | None
    part_count: int | None
    expires_at: datetime
    checksum_algorithm: str | None


def sign_ticket(upload: VideoUpload, *, storage: ObjectStorage, now: datetime) -> UploadTicket:
    """Return the ticket of an upload, with a fresh URL where one PUT does it."""
    if upload.strategy == UploadStrategy.MULTIPART:
        return describe_ticket(upload)
    lifetime_seconds = settings.VIDEO_UPLOAD_URL_TTL_SECONDS
    with translated_storage_errors():
        url = storage.presign_put(
            upload.file_key,
            content_type=upload.content_type,
            size_bytes=upload.size_bytes,
            expires_seconds=lifetime_seconds,
            checksum=upload.checksum,
        )
    return _ticket(upload, url=url, expires_at=now + timedelta(seconds=lifetime_seconds))


def describe_ticket(upload: VideoUpload) -> UploadTicket:
    """Return the ticket of an upload without signing anything."""
    return _ticket(upload, url=None, expires_at=upload.deadline_at)


def require_open(upload: VideoUpload, *, now: datetime) -> None:
    """
    Let an upload pass that can still take bytes, as far as its deadline says.

    Raises:
        UploadUrlExpired: The deadline has passed, noticed by the reconciler or not.
    """
    if upload.state == UploadState.EXPIRED or (upload.state == UploadState.PENDING and upload.deadline_at <= now):
        raise UploadUrlExpired


def _ticket(upload: VideoUpload, *, url: str | None, expires_at: datetime) -> UploadTicket:
    return UploadTicket(
        video=upload.video,
        upload_url=url,
        file_key=upload.file_key,
        content_type=upload.content_type,
        strategy=UploadStrategy(upload.strategy),
        headers=_single_put_headers(upload),
        part_size_bytes=upload.part_size_bytes,
        part_count=upload.part_count,
        expires_at=expires_at,
        checksum_algorithm=upload.checksum_algorithm or None,
    )


def _single_put_headers(upload: VideoUpload) -> dict[str, str]:
    if upload.strategy == UploadStrategy.MULTIPART:
        return {}
    headers = {"Content-Type": upload.content_type, "If-None-Match": "*"}
    return headers | checksum_headers(upload.checksum)


def checksum_headers(checksum: Checksum | None) -> dict[str, str]:
    """Return the header that a PUT with this checksum must carry, or none."""
    return {checksum_header(checksum.algorithm): checksum.value} if checksum else {}
