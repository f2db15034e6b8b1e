"""V06: an upload that nobody completes."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from libs.observability import tracing
from libs.s3_client.client import MultipartUploadMissing

from ..domain.errors import (
    EnqueueFailed,
    SourceNotFoundOrEmpty,
    StorageUnavailable,
    UnsupportedMedia,
    UploadChecksumMismatch,
    UploadIncomplete,
)
from ..domain.lifecycle import UploadState
from ..domain.ports import StoredPart
from ..models import VideoUpload
from ..services.ingest import complete_upload, expire_upload
from ..services.multipart import discard_parts, require_all_parts
from ..services.storage_errors import translated_storage_errors
from .invariant import ACTOR, Finding, Look, PacedInvariant, Severity, World

CHECK_INTERVAL = timedelta(seconds=20)
LONGEST_CHECK_INTERVAL = timedelta(minutes=10)
# An uploader who was at work less than half an hour ago is noticed within a minute.
LOOKS_PER_IDLE_TIME = 30
WATCH_EXPIRED_FOR = timedelta(days=7)

COMPLETE = "complete"
EXPIRE = "expire"
DISCARD = "discard"
_DETAILS = {
    COMPLETE: "arrived, and nobody called complete",
    EXPIRE: "past its deadline",
    DISCARD: "over, and its parts are still there",
}


class ArrivedUploadIsCompleted(PacedInvariant):
    """V06: bytes that reached storage become a video even when the browser is gone."""

    code = "V06"
    severity = Severity.NOTICE
    runbook = "v06.md"
    sentence = "A PENDING video whose object is complete is completed; one past its deadline is EXPIRED, without parts."

    def look(self, world: World, *, limit: int) -> Look:
        """Look into storage for the uploads that are due for a look."""
        now = world.clock.now()
        over = VideoUpload.objects.across_tenants().exclude(state=UploadState.PENDING).exclude(multipart_upload_id="")
        found = [
            *(self._finding(upload, DISCARD) for upload in over.order_by("id")[:limit]),
            *(
                self._finding(upload, need)
                for upload in due_uploads(now)[:limit]
                if (need := _need(upload, world=world, now=now))
            ),
        ]
        return Look(findings=found, move_on=lambda: postpone_checks(world, limit=limit))

    def repair(self, world: World, finding: Finding) -> None:
        """Complete the upload as the browser would have, or expire it and throw its parts away."""
        upload = VideoUpload.objects.for_tenant(finding.tenant_id).select_related("tenant").get(pk=finding.subject)
        if finding.facts["need"] == COMPLETE:
            complete_arrived(upload, world=world)
            return
        if finding.facts["need"] == EXPIRE:
            expire_upload(upload=upload, actor=ACTOR, now=world.clock.now())
        discard_parts(upload, storage=world.storage)

    def _finding(self, upload: VideoUpload, need: str) -> Finding:
        return Finding(
            invariant=self.code,
            subject=str(upload.pk),
            tenant_id=upload.tenant_id,
            video_id=upload.video_id,
            detail=_DETAILS[need],
            facts={"need": need},
        )


def postpone_checks(world: World, *, limit: int) -> None:
    """Set the next look of the uploads that were due for one, the later the longer ago its uploader was at work."""
    now = world.clock.now()
    for upload in list(due_uploads(now)[:limit]):
        VideoUpload.objects.for_tenant(upload.tenant_id).filter(pk=upload.pk).update(
            next_check_at=_next_check(upload, world=world, now=now), check_count=upload.check_count + 1
        )


def due_uploads(now: datetime) -> "QuerySet[VideoUpload]":
    """Return the uploads that storage should be asked about, the longest overdue first."""
    waiting = VideoUpload.objects.across_tenants().filter(
        state__in=[UploadState.PENDING, UploadState.EXPIRED], next_check_at__lte=now, video__deleted_at=None
    )
    # By id too: the page that is postponed must be the page that was looked at.
    return waiting.order_by("next_check_at", "id")


def complete_arrived(upload: VideoUpload, *, world: World) -> None:
    """Complete an upload as its browser would have, in the trace that its browser began."""
    with tracing.span("complete arrived upload", parent=upload.traceparent, attributes={"video_id": upload.video_id}):
        _complete_arrived(upload, world=world)


def _complete_arrived(upload: VideoUpload, *, world: World) -> None:
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
    except UploadChecksumMismatch:
        # All is there and it is not the announced file. Its uploader may send it again until the deadline.
        if upload.deadline_at > world.clock.now():
            raise
        expire_upload(upload=upload, actor=ACTOR, now=world.clock.now())
        discard_parts(upload, storage=world.storage)


def _need(upload: VideoUpload, *, world: World, now: datetime) -> str:
    if _object_has_arrived(upload, world=world) or _parts_have_arrived(upload, world=world):
        return COMPLETE
    if upload.state == UploadState.PENDING and upload.deadline_at <= now:
        return EXPIRE
    return ""


def _object_has_arrived(upload: VideoUpload, *, world: World) -> bool:
    try:
        with translated_storage_errors():
            head = world.storage.head(upload.file_key)
    except SourceNotFoundOrEmpty:
        return False
    return head.size_bytes == upload.size_bytes and not upload.is_announced_otherwise(head.checksums)


def _parts_have_arrived(upload: VideoUpload, *, world: World) -> bool:
    if upload.plan is None or not upload.multipart_upload_id:
        return False
    try:
        require_all_parts(upload.plan, _parts_of(upload, world=world))
    except UploadIncomplete:
        return False
    return True


def _parts_of(upload: VideoUpload, *, world: World) -> list[StoredPart]:
    try:
        with translated_storage_errors():
            return list(world.storage.list_parts(upload.file_key, upload_id=upload.multipart_upload_id))
    except MultipartUploadMissing:
        return []


def _next_check(upload: VideoUpload, *, world: World, now: datetime) -> datetime | None:
    # Only an upload that has its end is ever left alone: a pending one may not have been looked at in this round.
    if upload.state == UploadState.EXPIRED and now > upload.deadline_at + WATCH_EXPIRED_FOR:
        return None
    idle = now - upload.active_at
    if idle > CHECK_INTERVAL * LOOKS_PER_IDLE_TIME and upload.multipart_upload_id:
        # Parts that were signed long ago may be arriving still: a page of a hundred takes hours on a slow line.
        idle = min(idle, max(timedelta(0), now - _newest_part(upload, world=world)))
    return now + min(LONGEST_CHECK_INTERVAL, max(CHECK_INTERVAL, idle / LOOKS_PER_IDLE_TIME))


def _newest_part(upload: VideoUpload, *, world: World) -> datetime:
    try:
        return max((part.modified_at for part in _parts_of(upload, world=world)), default=upload.active_at)
    except StorageUnavailable:
        return upload.active_at
