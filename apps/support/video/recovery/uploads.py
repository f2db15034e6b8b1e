"""V06: an upload that nobody completes."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from ..domain.errors import EnqueueFailed, SourceNotFoundOrEmpty, UnsupportedMedia
from ..domain.lifecycle import UploadState
from ..models import VideoUpload
from ..services.ingest import complete_upload, expire_upload
from ..services.storage_errors import translated_storage_errors
from .invariant import ACTOR, Finding, World

CHECK_INTERVAL = timedelta(seconds=20)
LONGEST_CHECK_INTERVAL = timedelta(minutes=10)
WATCH_EXPIRED_FOR = timedelta(days=7)

COMPLETE = "complete"
EXPIRE = "expire"


class ArrivedUploadIsCompleted:
    """V06: bytes that reached storage become a video even when the browser is gone."""

    code = "V06"
    sentence = "A PENDING video whose object is complete is completed; one past its deadline is EXPIRED."

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """Look into storage for the uploads that are due for a look."""
        now = world.clock.now()
        return [
            Finding(
                invariant=self.code,
                subject=str(upload.pk),
                tenant_id=upload.tenant_id,
                video_id=upload.video_id,
                detail="arrived, and nobody called complete" if need == COMPLETE else "past its deadline",
                facts={"need": need},
            )
            for upload in due_uploads(now)[:limit]
            if (need := _need(upload, world=world, now=now))
        ]

    def repair(self, world: World, finding: Finding) -> None:
        """Complete the upload as the browser would have, or expire it."""
        upload = VideoUpload.objects.for_tenant(finding.tenant_id).select_related("tenant").get(pk=finding.subject)
        if finding.facts["need"] == EXPIRE:
            expire_upload(upload=upload, actor=ACTOR, now=world.clock.now())
            return
        try:
            complete_upload(
                tenant=upload.tenant,
                video_id=upload.video_id,
                actor=ACTOR,
                storage=world.storage,
                prober=world.prober,
                queue=world.queue,
                clock=world.clock,
            )
        except (UnsupportedMedia, EnqueueFailed):
            # Both are ends of the upload: refused with its reason, or accepted and the relay goes on.
            return


def postpone_checks(world: World, *, limit: int) -> int:
    """Set the next look of the uploads that were due for one, the later the older the upload. Return how many."""
    now = world.clock.now()
    uploads = list(due_uploads(now)[:limit])
    for upload in uploads:
        VideoUpload.objects.for_tenant(upload.tenant_id).filter(pk=upload.pk).update(
            next_check_at=_next_check(upload, now=now), check_count=upload.check_count + 1
        )
    return len(uploads)


def due_uploads(now: datetime) -> "QuerySet[VideoUpload]":
    """Return the uploads that storage should be asked about, the longest overdue first."""
    waiting = VideoUpload.objects.across_tenants().filter(
        state__in=[UploadState.PENDING, UploadState.EXPIRED], next_check_at__lte=now, video__deleted_at=None
    )
    return waiting.order_by("next_check_at")


def _need(upload: VideoUpload, *, world: World, now: datetime) -> str:
    if _has_arrived(upload, world=world):
        return COMPLETE
    if upload.state == UploadState.PENDING and upload.deadline_at <= now:
        return EXPIRE
    return ""


def _has_arrived(upload: VideoUpload, *, world: World) -> bool:
    try:
        with translated_storage_errors():
            return world.storage.head(upload.file_key).size_bytes == upload.size_bytes
    except SourceNotFoundOrEmpty:
        return False


def _next_check(upload: VideoUpload, *, now: datetime) -> datetime | None:
    # Only an upload that has its end is ever left alone: a pending one may not have been looked at in this round.
    if upload.state == UploadState.EXPIRED and now > upload.deadline_at + WATCH_EXPIRED_FOR:
        return None
    age = now - upload.created_at
    interval = min(LONGEST_CHECK_INTERVAL, max(CHECK_INTERVAL, age / 4))
    return now + interval
