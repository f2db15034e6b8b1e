"""V01 and V05: what people are told agrees with the rows it is derived from."""

from django.db import transaction
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Value, When

from ..domain.errors import TransitionRefused
from ..domain.lifecycle import (
    ACTIVE_JOB_STATES,
    STATUS_OF_JOB,
    STATUS_OF_UPLOAD,
    EventName,
    UploadState,
    VideoStatus,
)
from ..models import Video, VideoTranscodeJob
from ..services.lifecycle import current_projection, lock_video, project, record_event
from .invariant import ACTOR, Finding, Look, PacedInvariant, Severity, World
from .rounds import VideoWindow, move_cursor, next_window

_UNDER_WAY = (VideoStatus.UPLOADED, VideoStatus.PROCESSING)
_ENDS = (VideoStatus.FAILED, VideoStatus.EXPIRED)
# A million videos that have come to their end are looked at in less than two hours.
ENDED_AT_ONCE = 10_000
_ENDED = "V05:ended"


class WaitingVideoHasJob:
    """V01: nothing waits for an encode that nobody has ordered."""

    code = "V01"
    severity = Severity.CRITICAL
    runbook = "v01.md"
    sentence = "An UPLOADED or PROCESSING video has exactly one active job."

    def find(self, world: World, *, limit: int) -> list[Finding]:  # noqa: ARG002
        """Find videos under way without an active job; more than one is held off by a unique index."""
        active = VideoTranscodeJob.objects.across_tenants().filter(video=OuterRef("pk"), state__in=ACTIVE_JOB_STATES)
        orphans = _living().filter(~Exists(active), status__in=_UNDER_WAY)
        return [_finding(self.code, video, f"{video.status} without a job") for video in orphans[:limit]]

    def repair(self, world: World, finding: Finding) -> None:
        """Order the encode; a video whose status was wrong is V05's."""
        with transaction.atomic():
            video = lock_video(tenant_id=finding.tenant_id, video_id=finding.video_id)
            jobs = VideoTranscodeJob.objects.for_tenant(finding.tenant_id)
            if jobs.filter(video=video, state__in=ACTIVE_JOB_STATES).exists():
                raise TransitionRefused(f"video {video.pk} has a job by now")
            if video.deleted_at is not None or video.upload.state != UploadState.ACCEPTED:
                raise TransitionRefused(f"video {video.pk} is not accepted")
            project(video=video, now=world.clock.now(), video_fields={"current_job": None})
            world.queue.create_job_and_enqueue(video, actor=ACTOR, caller_sends=False)


class StatusIsProjection(PacedInvariant):
    """V05: the status is what upload, job and pointer say."""

    code = "V05"
    severity = Severity.CRITICAL
    runbook = "v05.md"
    sentence = "A video's status equals the projection of its upload, its current job and its pointer."

    def __init__(self, *, ended_at_once: int = ENDED_AT_ONCE) -> None:
        self._ended_at_once = ended_at_once

    def look(self, world: World, *, limit: int) -> Look:
        """Look at every video that is on its way, by its status or by its job, and at the next ones that are not."""
        by_status = _living().filter(status__in=[VideoStatus.PENDING, *_UNDER_WAY])
        by_job = _living().filter(current_job__state__in=ACTIVE_JOB_STATES)
        moving = {video.pk: video for videos in (by_status, by_job) for video in _drifted(videos)[:limit]}
        window = next_window(_ENDED, size=self._ended_at_once)
        ended = {video.pk: video for video in _drifted_ended(window)[:limit]}

        def move_on() -> None:
            move_cursor(_ENDED, to=window.cursor_behind(list(ended), limit=limit), now=world.clock.now())

        findings = [
            _finding(self.code, video, f"{video.status}, but its rows say {current_projection(video)}")
            for video in (moving | ended).values()
        ]
        return Look(findings=findings, move_on=move_on)

    def repair(self, world: World, finding: Finding) -> None:
        """Project again, and say so in the timeline."""
        now = world.clock.now()
        with transaction.atomic():
            video = lock_video(tenant_id=finding.tenant_id, video_id=finding.video_id)
            before = video.status
            project(video=video, now=now)
            if video.status == before:
                raise TransitionRefused(f"video {video.pk} has healed")
            data = {"from": before, "to": video.status}
            record_event(video=video, event=EventName.STATUS_REPAIRED, actor=ACTOR, now=now, data=data)


def _living() -> QuerySet[Video]:
    return Video.objects.across_tenants().filter(deleted_at=None).order_by("status_changed_at")


def _drifted_ended(window: VideoWindow) -> QuerySet[Video]:
    """
    Return the videos of a window that have come to an end which their rows do not say, by id.

    Nearly all are READY and published, and the table itself demands that the one comes with the other.
    """
    taken_down = ~Q(published_prefix="") & ~Q(status=VideoStatus.READY)
    videos = Video.objects.across_tenants().filter(deleted_at=None, pk__gt=window.after, pk__lte=window.until)
    return _drifted(videos.filter(taken_down | Q(status__in=_ENDS))).order_by("pk")


def _drifted(videos: QuerySet[Video]) -> QuerySet[Video]:
    """Return those whose status differs from `project_status`, said in SQL from the same tables."""
    by_job = [
        When(upload__state=UploadState.ACCEPTED, current_job__state=state, then=Value(status.value))
        for state, status in STATUS_OF_JOB.items()
    ]
    by_upload = [When(upload__state=state, then=Value(status.value)) for state, status in STATUS_OF_UPLOAD.items()]
    published = When(~Q(published_prefix=""), then=Value(VideoStatus.READY.value))
    projected = Case(published, *by_job, *by_upload, output_field=CharField())
    return videos.annotate(projected=projected).exclude(status=F("projected"))


def _finding(code: str, video: Video, detail: str) -> Finding:
    return Finding(invariant=code, subject=str(video.pk), tenant_id=video.tenant_id, video_id=video.pk, detail=detail)
