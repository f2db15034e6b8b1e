"""Which videos a number of the operators' overview counts, whosever they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Q

from apps.core.models import Tenant
from apps.support.outbox.models import OutboxMessage

from ..domain.dead_letters import KEPT, LetterState
from ..domain.lifecycle import FINISHED, JobState, VideoStatus
from ..models import DeadLetter, Video, VideoTranscodeJob
from .health import FINISHED_WITHIN

VIDEOS_SHOWN = 100


class Place(StrEnum):
    """Where videos are looked for. Final statuses are those of the last day, as in the overview."""

    PENDING = "pending"
    UPLOADED = "uploaded"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"
    QUEUED = "queued"
    RUNNING = "running"
    RETRY_WAIT = "retry_wait"
    OUTBOX_DUE = "outbox_due"
    OUTBOX_FAILING = "outbox_failing"
    DEAD_LETTERS = "dead_letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedVideo:
    """A video, and since when it is there."""

    video_id: int
    tenant_code: str
    title: str
    status: str
    since: datetime
    remark: str
    """What was noted there: the queue's refusal, a dead letter's reason."""


@dataclass(frozen=True, slots=True)
class _Sight:
    video_id: int
    since: datetime
    remark: str = ""


def videos_at(place: Place, *, tenant: Tenant | None, now: datetime) -> list[PlacedVideo]:
    """Return up to `VIDEOS_SHOWN` videos that are somewhere, those that have been there longest first."""
    sights = _FINDERS[place](place, tenant, now)
    videos = Video.objects.across_tenants().filter(pk__in=[sight.video_id for sight in sights], deleted_at=None)
    found = {video.pk: video for video in videos.select_related("tenant")}
    return [
        PlacedVideo(
            video_id=sight.video_id,
            tenant_code=found[sight.video_id].tenant.code,
            title=found[sight.video_id].title,
            status=found[sight.video_id].status,
            since=sight.since,
            remark=sight.remark,
        )
        for sight in sights
        if sight.video_id in found
    ]


def _by_status(place: Place, tenant: Tenant | None, now: datetime) -> list[_Sight]:
    status = VideoStatus(place.upper())
    videos = Video.objects.across_tenants().filter(_of(tenant), status=status, deleted_at=None)
    if status in FINISHED:
        videos = videos.filter(status_changed_at__gte=now - FINISHED_WITHIN)
    rows = videos.order_by("status_changed_at").values_list("pk", "status_changed_at")[:VIDEOS_SHOWN]
    return [_Sight(*row) for row in rows]


def _by_job(place: Place, tenant: Tenant | None, _now: datetime) -> list[_Sight]:
    jobs = VideoTranscodeJob.objects.across_tenants().filter(_of(tenant), state=JobState(place.upper()))
    rows = jobs.order_by("state_changed_at").values_list("video_id", "state_changed_at")[:VIDEOS_SHOWN]
    return [_Sight(*row) for row in rows]


def _by_message(place: Place, tenant: Tenant | None, now: datetime) -> list[_Sight]:
    which = Q(due_at__lte=now) if place == Place.OUTBOX_DUE else ~Q(last_error="")
    if tenant is not None:
        which &= Q(group_id=tenant.code)
    messages = OutboxMessage.objects.filter(which, sent_at=None).order_by("due_at")[:VIDEOS_SHOWN]
    by_job = {UUID(message.subject): message for message in messages if _is_uuid(message.subject)}
    jobs = VideoTranscodeJob.objects.across_tenants().filter(pk__in=list(by_job)).values_list("pk", "video_id")
    video_of = dict(jobs)
    return [
        _Sight(video_of[job_id], message.due_at, message.last_error)
        for job_id, message in by_job.items()
        if job_id in video_of
    ]


def _by_letter(_place: Place, tenant: Tenant | None, _now: datetime) -> list[_Sight]:
    letters = DeadLetter.objects.filter(state__in=[LetterState.OPEN, *sorted(KEPT)], video_id__isnull=False)
    if tenant is not None:
        letters = letters.filter(tenant_id=tenant.pk)
    rows = letters.order_by("id").values_list("video_id", "taken_at", "detail")[:VIDEOS_SHOWN]
    return [_Sight(video_id, taken_at, detail) for video_id, taken_at, detail in rows if video_id is not None]


def _of(tenant: Tenant | None) -> Q:
    return Q() if tenant is None else Q(tenant=tenant)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


_Finder = Callable[[Place, Tenant | None, datetime], list[_Sight]]
_FINDERS: Mapping[Place, _Finder] = {
    **{Place(status.value.lower()): _by_status for status in VideoStatus},
    **dict.fromkeys((Place.QUEUED, Place.RUNNING, Place.RETRY_WAIT), _by_job),
    **dict.fromkeys((Place.OUTBOX_DUE, Place.OUTBOX_FAILING), _by_message),
    Place.DEAD_LETTERS: _by_letter,
}
