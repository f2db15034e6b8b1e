"""What a number of the operators' overview counts, whosever it is: as many rows as the number says, up to a hundred."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Q

from apps.core.models import Tenant
from apps.support.outbox.models import OutboxMessage

from ..domain.dead_letters import KEPT
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
    """A video, and since when it is there; or a message or job that is there and belongs to no video that exists."""

    video_id: int | None
    tenant_code: str | None
    title: str
    """Without a video: what is there instead, in the words of its row."""
    status: str | None
    since: datetime
    remark: str
    """What was noted there: the queue's refusal, a dead letter's reason."""


@dataclass(frozen=True, slots=True)
class _Sight:
    video_id: int | None
    since: datetime
    about: str = ""
    remark: str = ""


def videos_at(place: Place, *, tenant: Tenant | None, now: datetime) -> list[PlacedVideo]:
    """Return up to `VIDEOS_SHOWN` videos that are somewhere, those that have been there longest first."""
    sights = _FINDERS[place](place, tenant, now)
    seen = [sight.video_id for sight in sights if sight.video_id is not None]
    videos = Video.objects.across_tenants().filter(pk__in=seen, deleted_at=None)
    found = {video.pk: video for video in videos.select_related("tenant")}
    return [_placed(sight, found.get(sight.video_id or 0)) for sight in sights]


def _placed(sight: _Sight, video: Video | None) -> PlacedVideo:
    return PlacedVideo(
        video_id=video.pk if video else None,
        tenant_code=video.tenant.code if video else None,
        title=video.title if video else sight.about,
        status=video.status if video else None,
        since=sight.since,
        remark=sight.remark,
    )


def _by_status(place: Place, tenant: Tenant | None, now: datetime) -> list[_Sight]:
    status = VideoStatus(place.upper())
    videos = Video.objects.across_tenants().filter(_of(tenant), status=status, deleted_at=None)
    if status in FINISHED:
        videos = videos.filter(status_changed_at__gte=now - FINISHED_WITHIN)
    rows = videos.order_by("status_changed_at").values_list("pk", "status_changed_at")[:VIDEOS_SHOWN]
    return [_Sight(*row) for row in rows]


def _by_job(place: Place, tenant: Tenant | None, _now: datetime) -> list[_Sight]:
    jobs = VideoTranscodeJob.objects.across_tenants().filter(_of(tenant), state=JobState(place.upper()))
    rows = jobs.order_by("state_changed_at").values_list("video_id", "state_changed_at", "pk")[:VIDEOS_SHOWN]
    return [_Sight(video_id, since, f"job {job_id}") for video_id, since, job_id in rows]


def _by_message(place: Place, tenant: Tenant | None, now: datetime) -> list[_Sight]:
    which = Q(due_at__lte=now) if place == Place.OUTBOX_DUE else ~Q(last_error="")
    if tenant is not None:
        which &= Q(group_id=tenant.code)
    messages = list(OutboxMessage.objects.filter(which, sent_at=None).order_by("due_at")[:VIDEOS_SHOWN])
    subjects = [message.subject for message in messages if _is_uuid(message.subject)]
    jobs = VideoTranscodeJob.objects.across_tenants().filter(pk__in=subjects).values_list("pk", "video_id")
    video_of = {str(job_id): video_id for job_id, video_id in jobs}
    return [
        _Sight(video_of.get(message.subject), message.due_at, message.subject, message.last_error)
        for message in messages
    ]


def _by_letter(_place: Place, tenant: Tenant | None, _now: datetime) -> list[_Sight]:
    letters = DeadLetter.objects.filter(state__in=sorted(KEPT))
    if tenant is not None:
        letters = letters.filter(tenant_id=tenant.pk)
    rows = letters.order_by("id").values_list("video_id", "taken_at", "pk", "detail")[:VIDEOS_SHOWN]
    return [_Sight(video_id, taken_at, f"dlq {pk}", detail) for video_id, taken_at, pk, detail in rows]


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
