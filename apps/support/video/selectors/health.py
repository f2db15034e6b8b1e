"""The whole line at a glance: how much is where, and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q

from apps.core.models import Tenant
from apps.support.outbox.models import OutboxMessage
from libs.db.guards import assert_no_transaction
from libs.queue.client import QueueDepth, QueueUnavailable

from ..domain.chunks import ChunkState
from ..domain.dead_letters import KEPT
from ..domain.diagnosis import NO_CONSUMER_AFTER
from ..domain.lifecycle import ACTIVE_JOB_STATES, FINISHED, JobState, VideoStatus
from ..models import DeadLetter, InvariantRound, TranscodeChunk, Video, VideoTranscodeJob, WorkerBeat
from .diagnosis import MeasuredQueue

WORKERS_SHOWN = 200
TENANTS_SHOWN = 50
# What came to its end longer ago is in the library; it is no news.
FINISHED_WITHIN = timedelta(days=1)
_FUNNEL = (VideoStatus.PENDING, VideoStatus.UPLOADED, VideoStatus.PROCESSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """How many videos are at one step, and since when the one that has been there longest is."""

    step: str
    count: int
    oldest_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxHealth:
    """What waits to be sent. Rows that are not due yet are plans, not a backlog."""

    unsent: int
    due: int
    oldest_due_at: datetime | None
    failing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterHealth:
    """What the queue gave up on: how many it still holds (None: it did not answer), and how many wait for a person."""

    waiting: int | None
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """A worker: when it was last heard of, and the job that it holds, if any."""

    worker_id: str
    seen_at: datetime
    job_id: str | None
    video_id: int | None
    tenant_code: str | None
    stage: str
    progress_percent: float
    progress_at: datetime | None
    lease_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantBacklog:
    """What a tenant has in line and at work."""

    tenant_code: str
    queued: int
    running: int
    waiting_for_retry: int
    oldest_queued_since: datetime | None


def funnel() -> list[FunnelStep]:
    """Return the steps on the way to READY, with how long the one that has been there longest is."""
    living = Video.objects.across_tenants().filter(deleted_at=None, status__in=_FUNNEL)
    rows = living.values_list("status").annotate(count=Count("id"), oldest_since=Min("status_changed_at"))
    seen: dict[str, tuple[int, datetime | None]] = {status: (count, oldest) for status, count, oldest in rows}
    steps = [(status.value, *seen.get(status, (0, None))) for status in _FUNNEL]
    return [FunnelStep(step=step, count=count, oldest_since=oldest) for step, count, oldest in steps]


def finished_since(moment: datetime) -> dict[str, int]:
    """Return how many videos have come to each final status since a moment."""
    counted = (
        Video.objects.across_tenants()
        .filter(deleted_at=None, status__in=FINISHED, status_changed_at__gte=moment)
        .values_list("status")
        .annotate(count=Count("id"))
    )
    return {status.value: 0 for status in FINISHED} | dict(counted)


def queue_depth(queue: MeasuredQueue, *, queue_name: str) -> QueueDepth | None:
    """Return how full a queue is, or None when it does not answer."""
    assert_no_transaction()
    try:
        return queue.depth(queue_name=queue_name)
    except QueueUnavailable:
        return None


def outbox_health(*, now: datetime) -> OutboxHealth:
    """Return how much waits in the outbox."""
    unsent = OutboxMessage.objects.filter(sent_at=None)
    answer = unsent.aggregate(
        unsent=Count("id"),
        due=Count("id", filter=Q(due_at__lte=now)),
        oldest_due_at=Min("due_at", filter=Q(due_at__lte=now)),
        failing=Count("id", filter=~Q(last_error="")),
    )
    return OutboxHealth(**answer)


def dead_letter_health(queue: MeasuredQueue) -> DeadLetterHealth:
    """Return what the queue gave up on."""
    depth = queue_depth(queue, queue_name=settings.VIDEO_SQS_DLQ_NAME)
    kept = DeadLetter.objects.filter(state__in=sorted(KEPT)).count()
    return DeadLetterHealth(waiting=depth.visible + depth.in_flight if depth else None, kept=kept)


def workers_seen() -> list[WorkerSeen]:
    """Return workers with what they hold, those heard of last first. A held lease is a sign of life too."""
    jobs = VideoTranscodeJob.objects.across_tenants().filter(state=JobState.RUNNING).select_related("tenant")
    held = {job.worker_id: job for job in jobs.order_by("-lease_until")[:WORKERS_SHOWN]}
    beats = {beat.worker_id: beat.seen_at for beat in WorkerBeat.objects.order_by("-seen_at")[:WORKERS_SHOWN]}
    signs = {
        worker_id: max(moment for moment in (beats.get(worker_id), _progress_at(held.get(worker_id))) if moment)
        for worker_id in [*held, *(worker_id for worker_id in beats if worker_id not in held)]
    }
    by_sign = sorted(signs.items(), key=lambda sign: sign[1], reverse=True)
    return [_worker_seen(worker_id, seen_at, held.get(worker_id)) for worker_id, seen_at in by_sign]


def active_jobs() -> dict[str, int]:
    """Return how many jobs are in each state that somebody still has to move on."""
    jobs = VideoTranscodeJob.objects.across_tenants().filter(state__in=sorted(ACTIVE_JOB_STATES))
    counted = dict(jobs.values_list("state").annotate(count=Count("id")))
    return {state.value: counted.get(state, 0) for state in sorted(ACTIVE_JOB_STATES)}


def oldest_renewal() -> datetime | None:
    """Return when the lease was renewed that nobody has renewed for longest, of all running jobs; None if none runs."""
    running = VideoTranscodeJob.objects.across_tenants().filter(state=JobState.RUNNING)
    oldest: datetime | None = running.aggregate(oldest=Min("progress_at"))["oldest"]
    return oldest


def living_worker_count(*, now: datetime) -> int:
    """Return how many workers hold a live lease, or were heard of within the last two minutes."""
    beats = WorkerBeat.objects.filter(seen_at__gt=now - NO_CONSUMER_AFTER).values_list("worker_id")
    jobs = VideoTranscodeJob.objects.across_tenants().filter(state=JobState.RUNNING, lease_until__gt=now)
    chunks = TranscodeChunk.objects.across_tenants().filter(state=ChunkState.RUNNING, lease_until__gt=now)
    return beats.union(jobs.values_list("worker_id"), chunks.values_list("worker_id")).count()


def tenant_backlogs() -> list[TenantBacklog]:
    """Return the tenants with the longest lines."""
    state = {name: Q(state=name) for name in (JobState.QUEUED, JobState.RUNNING, JobState.RETRY_WAIT)}
    rows = (
        VideoTranscodeJob.objects.across_tenants()
        .filter(state__in=list(state))
        .values("tenant_id")
        .annotate(
            queued=Count("id", filter=state[JobState.QUEUED]),
            running=Count("id", filter=state[JobState.RUNNING]),
            waiting_for_retry=Count("id", filter=state[JobState.RETRY_WAIT]),
            oldest_queued_since=Min("state_changed_at", filter=state[JobState.QUEUED]),
        )
        .order_by("-queued", "-running", "tenant_id")[:TENANTS_SHOWN]
    )
    found = list(rows)
    codes = dict(Tenant.objects.filter(pk__in=[row["tenant_id"] for row in found]).values_list("pk", "code"))
    return [
        TenantBacklog(
            tenant_code=codes[row["tenant_id"]],
            queued=row["queued"],
            running=row["running"],
            waiting_for_retry=row["waiting_for_retry"],
            oldest_queued_since=row["oldest_queued_since"],
        )
        for row in found
    ]


def rounds_by_code() -> Mapping[str, InvariantRound]:
    """Return what the reconciler last did, by invariant."""
    return {row.code: row for row in InvariantRound.objects.all()}


def _progress_at(job: VideoTranscodeJob | None) -> datetime | None:
    return None if job is None else job.progress_at or job.state_changed_at


def _worker_seen(worker_id: str, seen_at: datetime, job: VideoTranscodeJob | None) -> WorkerSeen:
    return WorkerSeen(
        worker_id=worker_id,
        seen_at=seen_at,
        job_id=str(job.pk) if job else None,
        video_id=job.video_id if job else None,
        tenant_code=job.tenant.code if job else None,
        stage=job.stage if job else "",
        progress_percent=job.progress_percent if job else 0.0,
        progress_at=job.progress_at if job else None,
        lease_until=job.lease_until if job else None,
    )
