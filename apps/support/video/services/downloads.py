"""Handing the source back to those who own it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.core.models import Tenant
from libs.clock import Clock

from ..domain.actions import VideoAction
from ..domain.ports import ObjectStorage
from ..selectors.videos import get_video
from .jobs import require_action
from .storage_errors import translated_storage_errors

# Long enough to click; a download that has begun goes on after it.
URL_TTL = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDownload:
    """Where the source is to be had, until when, and as what it is saved."""

    url: str
    filename: str
    size_bytes: int
    expires_at: datetime


def grant_download(*, tenant: Tenant, video_id: int, storage: ObjectStorage, clock: Clock) -> SourceDownload:
    """
    Let somebody save a video's source under the name that it was uploaded with.

    Raises:
        VideoNotFound: No such video for this tenant.
        InvalidStatus: Its source was never accepted.
        StorageUnavailable: The URL could not be signed.
    """
    video = get_video(tenant=tenant, video_id=video_id)
    require_action(video, VideoAction.DOWNLOAD, now=clock.now())
    upload = video.upload
    with translated_storage_errors():
        url = storage.presign_public_get(
            upload.file_key, expires_seconds=URL_TTL.total_seconds(), save_as=upload.filename
        )
    return SourceDownload(
        url=url, filename=upload.filename, size_bytes=upload.size_bytes, expires_at=clock.now() + URL_TTL
    )
