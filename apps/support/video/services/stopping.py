"""
Workers that stop, because their job was cancelled.

A cancelled job keeps its lease, and those of its chunks that are being done, until whoever holds them says that it has
stopped: the job made in its place starts with the last of them, or when all leases have run out.
"""

from datetime import datetime

from django.db import transaction

from libs.clock import Clock
from libs.db.clock import DatabaseClock

from ..domain.chunks import ClaimedChunk
from ..domain.contracts import ClaimedJob
from ..domain.lifecycle import JobState
from ..models import TranscodeChunk, VideoTranscodeJob
from ..selectors.leases import is_held
from .lifecycle import lock_video
from .sqs_queue import add_wake_up

DATABASE_CLOCK = DatabaseClock()


def acknowledge_stop(*, claim: ClaimedJob, clock: Clock = DATABASE_CLOCK) -> None:
    """
    Say that a worker has stopped working on a job that was cancelled, and on its chunks.

    Nothing happens for an attempt that was not the job's last, or whose job was not cancelled.
    """
    jobs = VideoTranscodeJob.objects.for_tenant(claim.tenant_id)
    with transaction.atomic():
        lock_video(tenant_id=claim.tenant_id, video_id=claim.video_id)
        cancelled = jobs.filter(pk=claim.job_id, state=JobState.CANCELLED, attempt_count=claim.attempt).first()
        if cancelled is None:
            return
        jobs.filter(pk=cancelled.pk).update(lease_until=None)
        own = TranscodeChunk.objects.for_tenant(claim.tenant_id).filter(job=cancelled, worker_id=cancelled.worker_id)
        own.delete()
        _start_who_waits(claim, now=clock.now())


def acknowledge_chunk_stop(*, claim: ClaimedChunk, job: ClaimedJob, clock: Clock = DATABASE_CLOCK) -> None:
    """
    Say that a helper has stopped working on a chunk of a job that was cancelled.

    Nothing happens for a chunk that is another's by now, or whose job was not cancelled.
    """
    chunks = TranscodeChunk.objects.for_tenant(claim.tenant_id)
    with transaction.atomic():
        lock_video(tenant_id=job.tenant_id, video_id=job.video_id)
        held = chunks.filter(pk=claim.chunk_id, attempt_count=claim.attempt, job__state=JobState.CANCELLED)
        if held.delete()[0]:
            _start_who_waits(job, now=clock.now())


def _start_who_waits(stopped: ClaimedJob, *, now: datetime) -> None:
    if is_held(tenant_id=stopped.tenant_id, video_id=stopped.video_id, now=now):
        return
    jobs = VideoTranscodeJob.objects.for_tenant(stopped.tenant_id)
    waiting = jobs.filter(video_id=stopped.video_id, waits_for__isnull=False, state=JobState.RETRY_WAIT)
    for job in waiting.select_related("tenant", "video__upload"):
        jobs.filter(pk=job.pk).update(next_attempt_at=now, waits_for=None)
        add_wake_up(job=job, now=now)
