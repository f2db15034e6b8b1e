"""Deletion is a tombstone that survives until storage is confirmed empty."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.core.models import Tenant
from libs.clock import Clock
from libs.db.guards import assert_no_transaction

from ..domain.keys import output_prefix, source_prefix
from ..domain.lifecycle import ACTIVE_JOB_STATES, EventName
from ..domain.ports import ObjectStorage
from ..models import Video, VideoTranscodeJob, VideoUpload
from ..selectors.leases import held_until
from .lifecycle import lock_live_video, lock_video, record_event
from .quota import settle_charge
from .storage_errors import translated_storage_errors
from .transcode import cancel_job

# A worker that lost its job may still be writing its last file, and a browser its last bytes.
PURGE_MARGIN = timedelta(minutes=2)


def delete_video(*, tenant: Tenant, video_id: int, actor: str, clock: Clock) -> None:
    """
    Hide the video at once, cancel its job, and schedule the purge of its objects.

    Raises:
        VideoNotFound: No such video for this tenant.
    """
    now = clock.now()
    with transaction.atomic():
        video = lock_live_video(tenant=tenant, video_id=video_id)
        _cancel_active_job(video, actor=actor, now=now)
        Video.objects.for_tenant(tenant).filter(pk=video.pk).update(
            deleted_at=now, purge_after=_safe_purge_time(video, now=now)
        )
        video.deleted_at = now
        settle_charge(video=video, upload=VideoUpload.objects.for_tenant(tenant).get(video=video))
        record_event(video=video, event=EventName.VIDEO_DELETED, actor=actor, now=now)


def purge_video(*, video: Video, storage: ObjectStorage, actor: str, now: datetime) -> int:
    """
    Empty a deleted video's storage, confirm it, and mark the tombstone. Return how many objects went.

    Repeating it is harmless; dying in the middle leaves the tombstone for the next round.

    Raises:
        StorageUnavailable: Storage did not answer; nothing is marked.
    """
    assert_no_transaction()
    prefixes = [
        source_prefix(tenant_id=video.tenant_id, video_id=video.pk),
        output_prefix(tenant_id=video.tenant_id, video_id=video.pk),
    ]
    with translated_storage_errors():
        for upload in storage.list_multiparts(prefixes[0]):
            storage.abort_multipart(upload.key, upload_id=upload.upload_id)
        removed = sum(storage.delete_prefix(prefix) for prefix in prefixes)
        if any(True for prefix in prefixes for _ in storage.list_objects(prefix)):
            return removed
    with transaction.atomic():
        locked = lock_video(tenant_id=video.tenant_id, video_id=video.pk)
        Video.objects.for_tenant(video.tenant_id).filter(pk=video.pk).update(purged_at=now)
        record_event(video=locked, event=EventName.VIDEO_PURGED, actor=actor, now=now, data={"object_count": removed})
    return removed


def _cancel_active_job(video: Video, *, actor: str, now: datetime) -> None:
    jobs = VideoTranscodeJob.objects.for_tenant(video.tenant_id)
    for job in jobs.filter(video=video, state__in=ACTIVE_JOB_STATES):
        cancel_job(job=job, actor=actor, now=now)


def _safe_purge_time(video: Video, *, now: datetime) -> datetime:
    latest = max(now, held_until(tenant_id=video.tenant_id, video_id=video.pk) or now)
    upload = VideoUpload.objects.for_tenant(video.tenant_id).get(video=video)
    if upload.completed_at is None:
        # The browser holds a URL that takes bytes until it ends, and nobody can take it back.
        url_ends_at = min(now, upload.deadline_at) + timedelta(seconds=settings.VIDEO_UPLOAD_URL_TTL_SECONDS)
        latest = max(latest, url_ends_at)
    return latest + PURGE_MARGIN
