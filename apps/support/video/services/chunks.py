"""
A chunk's life as the table sees it: claimed, renewed, done, given back or lost.

Every write names the chunk's own attempt, and the job must not have ended: whoever has lost either finds zero rows.
Only chunks of a running job are handed out, but whoever has one goes on between two attempts: the next takes it over.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from libs.clock import Clock
from libs.db.clock import DatabaseClock

from ..domain.chunks import (
    AUDIO_RENDITION,
    Chunk,
    ChunkKind,
    ChunkState,
    ChunkStatus,
    ClaimedChunk,
    JobPlan,
    TrackPart,
    part_from_json,
    parts_by_rendition,
    plan_from_json,
    playable_until,
)
from ..domain.contracts import ClaimedJob
from ..domain.errors import LeaseLost
from ..domain.lifecycle import ACTIVE_JOB_STATES, EventName, JobState
from ..models import TranscodeChunk, VideoTranscodeJob
from ..selectors.videos import SHORTEST_PLAYABLE_SECONDS
from .lifecycle import lock_video, record_event
from .measuring import time_first_playable
from .sqs_queue import add_wake_up
from .transcode import claim_of

DATABASE_CLOCK = DatabaseClock()
# A chunk that so many workers did not survive is not given to another one.
MOST_LOSSES = 3
# More than these would wait for each other more than they would help.
MOST_HELPERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpWanted:
    """A chunk of a job that another worker holds, and what is needed to do it."""

    claim: ClaimedChunk
    job: ClaimedJob


def enter_plan(*, claim: ClaimedJob, plan: JobPlan, clock: Clock = DATABASE_CLOCK) -> None:
    """
    Enter a job's chunks, and wake up helpers for them. Chunks of an earlier attempt stay when they are of this plan.

    Raises:
        LeaseLost: The job is another's.
    """
    now = clock.now()
    with transaction.atomic():
        job = _locked_job(claim)
        chunks = TranscodeChunk.objects.for_tenant(claim.tenant_id).filter(job=job)
        if job.plan.get("digest") == plan.digest:
            chunks.filter(state=ChunkState.FAILED).update(state=ChunkState.WAITING, state_changed_at=now, loss_count=0)
        else:
            chunks.delete()
            TranscodeChunk.objects.bulk_create(_rows(job, plan, now=now))
            _update_job(job, plan=plan.to_json(), playable_until_seconds=0.0)
        waiting = chunks.filter(state=ChunkState.WAITING, kind=ChunkKind.VIDEO).count()
        for _ in range(min(MOST_HELPERS, waiting - 1)):
            add_wake_up(job=job, now=now, is_call_for_help=True)


def claim_chunk(
    *,
    tenant_id: int,
    job_id: UUID,
    kinds: Collection[ChunkKind],
    worker_id: str,
    lease_seconds: float,
    clock: Clock = DATABASE_CLOCK,
) -> ClaimedChunk | None:
    """Take the first chunk of a running job that nobody does, or whose worker has gone silent; None: there is none."""
    now = clock.now()
    with transaction.atomic():
        rows = TranscodeChunk.objects.for_tenant(tenant_id).select_for_update(of=("self",), skip_locked=True)
        free = Q(state=ChunkState.WAITING) | Q(state=ChunkState.RUNNING, lease_until__lt=now)
        found = rows.filter(free, job_id=job_id, job__state=JobState.RUNNING, kind__in=list(kinds)).order_by("position")
        # One row at a time: what is locked and not taken reads as taken to everybody who asks in this moment.
        while (row := found.first()) is not None:
            losses = row.loss_count + (row.state == ChunkState.RUNNING)
            row.attempt_count, row.loss_count, row.state_changed_at = row.attempt_count + 1, losses, now
            if losses >= MOST_LOSSES:
                row.state, row.lease_until = ChunkState.FAILED, None
                row.save()
                continue
            row.state, row.worker_id = ChunkState.RUNNING, worker_id
            row.lease_until = now + timedelta(seconds=lease_seconds)
            row.parts, row.done_seconds = [], 0.0
            row.save()
            return _claimed(row)
    return None


def claim_help(
    *, worker_id: str, lease_seconds: float, left_alone: Collection[UUID], clock: Clock = DATABASE_CLOCK
) -> HelpWanted | None:
    """
    Take a chunk of the job that has been running longest and has one to spare; None: nobody needs help.

    Args:
        left_alone: Jobs that this worker is no help to.
    """
    waiting = TranscodeChunk.objects.across_tenants().filter(state=ChunkState.WAITING, job__state=JobState.RUNNING)
    jobs = (
        waiting.exclude(job_id__in=left_alone).order_by("job__started_at").values_list("tenant_id", "job_id").distinct()
    )
    for tenant_id, job_id in dict.fromkeys(jobs[:20]):
        claim = claim_chunk(
            tenant_id=tenant_id,
            job_id=job_id,
            kinds=list(ChunkKind),
            worker_id=worker_id,
            lease_seconds=lease_seconds,
            clock=clock,
        )
        if claim is not None:
            job = VideoTranscodeJob.objects.for_tenant(tenant_id).get(pk=job_id)
            return HelpWanted(claim=claim, job=claim_of(job))
    return None


def renew_chunk(
    *, claim: ClaimedChunk, done_seconds: float, lease_seconds: float, clock: Clock = DATABASE_CLOCK
) -> None:
    """
    Move a chunk's lease on, and record how far it has come.

    Raises:
        LeaseLost: The chunk is another's, or its job has ended.
    """
    now = clock.now()
    _update(claim, done_seconds=done_seconds, lease_until=now + timedelta(seconds=lease_seconds))


def record_part(*, claim: ClaimedChunk, part: TrackPart, clock: Clock = DATABASE_CLOCK) -> None:
    """
    Enter a part that is in storage, of a chunk that goes on.

    Raises:
        LeaseLost: The chunk is another's, or its job has ended.
    """
    with transaction.atomic():
        job = _active_job(claim)
        row = _own_rows(claim).first()
        if row is None:
            raise _lost(claim)
        _update(claim, parts=[*row.parts, part.to_json()])
        _move_playable(job, clock=clock)


def finish_chunk(*, claim: ClaimedChunk, parts: Sequence[TrackPart], said: str, clock: Clock = DATABASE_CLOCK) -> None:
    """
    Enter that a chunk is done, with all its parts.

    Raises:
        LeaseLost: The chunk is another's, or its job has ended. What was written is garbage.
    """
    with transaction.atomic():
        job = _active_job(claim)
        _update(
            claim,
            state=ChunkState.DONE,
            state_changed_at=clock.now(),
            lease_until=None,
            parts=[part.to_json() for part in parts],
            said=said[-2000:],
        )
        _move_playable(job, clock=clock)


def release_chunk(*, claim: ClaimedChunk, clock: Clock = DATABASE_CLOCK) -> None:
    """Give a chunk back at once, which is no loss. Nothing happens when it is another's already."""
    _own_rows(claim).update(state=ChunkState.WAITING, state_changed_at=clock.now(), lease_until=None)


def expire_chunk(*, chunk: TranscodeChunk, actor: str, now: datetime) -> ChunkState | None:
    """
    Take a chunk from a worker that has gone silent, and call for help; too many losses leave it to the job's worker.

    Returns:
        The chunk's state, or None when its job was cancelled: nobody needs the chunk, and it is removed.

    Raises:
        LeaseLost: The chunk moved on meanwhile.
    """
    losses = chunk.loss_count + 1
    state = ChunkState.FAILED if losses >= MOST_LOSSES else ChunkState.WAITING
    with transaction.atomic():
        video = lock_video(tenant_id=chunk.tenant_id, video_id=chunk.job.video_id)
        job = VideoTranscodeJob.objects.for_tenant(chunk.tenant_id).select_for_update(of=("self",)).get(pk=chunk.job_id)
        rows = TranscodeChunk.objects.for_tenant(chunk.tenant_id).filter(
            pk=chunk.pk, state=ChunkState.RUNNING, attempt_count=chunk.attempt_count, lease_until=chunk.lease_until
        )
        if job.state == JobState.CANCELLED and rows.delete()[0]:
            return None
        if rows.update(state=state, state_changed_at=now, lease_until=None, loss_count=losses) == 0:
            raise LeaseLost(f"chunk {chunk.pk}, attempt {chunk.attempt_count}")
        if state is ChunkState.WAITING and job.state == JobState.RUNNING:
            add_wake_up(job=job, now=now, is_call_for_help=True)
        data = {"position": chunk.position, "worker_id": chunk.worker_id, "failure_count": losses}
        record_event(video=video, event=EventName.CHUNK_LEASE_EXPIRED, actor=actor, now=now, job=job, data=data)
    return state


def discard_plan(*, claim: ClaimedJob) -> None:
    """
    Forget a job's chunks: what they have written is not there any more.

    Raises:
        LeaseLost: The job is another's.
    """
    with transaction.atomic():
        job = _locked_job(claim)
        TranscodeChunk.objects.for_tenant(claim.tenant_id).filter(job=job).delete()
        _update_job(job, plan={}, playable_until_seconds=0.0)


def chunk_statuses(*, tenant_id: int, job_id: UUID) -> list[ChunkStatus]:
    """Return how far a job's chunks have come, in order."""
    rows = TranscodeChunk.objects.for_tenant(tenant_id).filter(job_id=job_id).defer("parts").order_by("position")
    return [
        ChunkStatus(
            chunk_id=row.pk,
            chunk=_chunk(row),
            state=ChunkState(row.state),
            done_seconds=row.done_seconds,
            loss_count=row.loss_count,
            said=row.said,
        )
        for row in rows
    ]


def parts_of_job(*, tenant_id: int, job_id: UUID) -> tuple[TrackPart, ...]:
    """Return all that a job has in storage."""
    rows = TranscodeChunk.objects.for_tenant(tenant_id).filter(job_id=job_id)
    return tuple(part_from_json(fields) for parts in rows.values_list("parts", flat=True) for fields in parts)


def _locked_job(claim: ClaimedJob) -> VideoTranscodeJob:
    jobs = VideoTranscodeJob.objects.for_tenant(claim.tenant_id).select_for_update(of=("self",))
    job = jobs.filter(pk=claim.job_id, state=JobState.RUNNING, attempt_count=claim.attempt).first()
    if job is None:
        raise LeaseLost(f"job {claim.job_id}, attempt {claim.attempt}")
    return job


def _rows(job: VideoTranscodeJob, plan: JobPlan, *, now: datetime) -> list[TranscodeChunk]:
    return [
        TranscodeChunk(
            tenant_id=job.tenant_id,
            job=job,
            position=position,
            kind=chunk.kind,
            number=chunk.number,
            start_seconds=chunk.start_seconds,
            end_seconds=chunk.end_seconds,
            renditions=list(chunk.renditions),
            state_changed_at=now,
        )
        for position, chunk in enumerate(plan.chunks)
    ]


def _chunk(row: TranscodeChunk) -> Chunk:
    return Chunk(
        kind=ChunkKind(row.kind),
        number=row.number,
        start_seconds=row.start_seconds,
        end_seconds=row.end_seconds,
        renditions=tuple(row.renditions),
    )


def _claimed(row: TranscodeChunk) -> ClaimedChunk:
    return ClaimedChunk(
        chunk_id=row.pk,
        tenant_id=row.tenant_id,
        job_id=row.job_id,
        attempt=row.attempt_count,
        chunk=_chunk(row),
    )


def _own_rows(claim: ClaimedChunk) -> "QuerySet[TranscodeChunk]":
    return TranscodeChunk.objects.for_tenant(claim.tenant_id).filter(
        pk=claim.chunk_id,
        state=ChunkState.RUNNING,
        attempt_count=claim.attempt,
        job__state__in=ACTIVE_JOB_STATES,
    )


def _update(claim: ClaimedChunk, **fields: object) -> None:
    if _own_rows(claim).update(**fields) == 0:
        raise _lost(claim)


def _lost(claim: ClaimedChunk) -> LeaseLost:
    return LeaseLost(f"chunk {claim.chunk_id} of job {claim.job_id}, attempt {claim.attempt}")


def _active_job(claim: ClaimedChunk) -> VideoTranscodeJob:
    """Return the chunk's job, locked. Whoever locks both locks the job first."""
    jobs = VideoTranscodeJob.objects.for_tenant(claim.tenant_id).select_for_update(of=("self",))
    job = jobs.filter(pk=claim.job_id, state__in=ACTIVE_JOB_STATES).first()
    if job is None:
        raise _lost(claim)
    return job


def _update_job(job: VideoTranscodeJob, **fields: object) -> None:
    VideoTranscodeJob.objects.for_tenant(job.tenant_id).filter(pk=job.pk).update(**fields)


def _move_playable(job: VideoTranscodeJob, *, clock: Clock) -> None:
    """Record how far the video can be watched, now that something has been added."""
    chunks = TranscodeChunk.objects.for_tenant(job.tenant_id).filter(job=job)
    sound = [state for kind, state in chunks.values_list("kind", "state") if kind == ChunkKind.AUDIO]
    tracks = parts_by_rendition(parts_of_job(tenant_id=job.tenant_id, job_id=job.pk))
    has_all_sound = bool(sound) and all(state == ChunkState.DONE for state in sound)
    until = playable_until(
        tracks, plan=plan_from_json(job.plan), is_sound_done=has_all_sound and AUDIO_RENDITION in tracks
    )
    _update_job(job, playable_until_seconds=round(until, 3))
    if job.playable_until_seconds < SHORTEST_PLAYABLE_SECONDS <= until:
        time_first_playable(video=job.video, job=job, now=clock.now())
