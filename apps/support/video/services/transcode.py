"""
An attempt's life as the table sees it: claim, renew, and one of five ends.

Every write names the attempt. An attempt that has lost its job finds zero rows, and stops.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from libs.clock import Clock
from libs.db.clock import DatabaseClock

from ..domain.chunks import ChunkState
from ..domain.contracts import ClaimedJob, JobProgress, TranscodeMessage, TranscodeOutput
from ..domain.errors import JobHeld, JobNotVisible, JobSettled, LeaseLost, TransitionRefused
from ..domain.keys import attempt_prefix
from ..domain.lifecycle import ACTIVE_JOB_STATES, EventName, JobState
from ..domain.retry import backoff_delay
from ..models import TranscodeChunk, VideoTranscodeJob, VideoUpload
from ..selectors.encoding import encoding_of
from ..selectors.quota import limits_of
from ..selectors.schedule import next_jobs_in_line
from .lifecycle import NO_FIELDS, Fields, lock_video, move_job
from .slots import RACE_PAUSE_SECONDS, lock_slots, spend_message, take_slot, wake_capped_jobs
from .sqs_queue import add_wake_up

DATABASE_CLOCK = DatabaseClock()
# V07 looks at what was published soon after, and then at its own pace.
FIRST_CHECK_AFTER = timedelta(hours=1)


def claim_job(
    *, message: TranscodeMessage, worker_id: str, lease_seconds: float, clock: Clock = DATABASE_CLOCK
) -> ClaimedJob:
    """
    Start the next attempt of the job whose turn it is.

    A message is a wake-up: usually the job that it names is next, but tenants take turns, and then another one is.
    That one's own message will serve the named job. A lease that has run out, or a retry that is due, is settled on
    the way: a message need not wait for the reconciler.

    Raises:
        JobNotVisible: Unknown, or its commit is not visible yet. Leave the message for redelivery.
        TenantFull: All who wait are of tenants that run as many jobs as they may. Delete the message: a slot that is
            freed wakes them up.
        JobHeld: Another live attempt has it, or its retry is not due, and nobody else waits. Hide the message so long.
        JobSettled: It has its outcome, and nobody else waits. Delete the message.
    """
    now = clock.now()
    reason = _make_claimable(message, now=now)
    for job_id in next_jobs_in_line(running_limit=settings.VIDEO_TENANT_RUNNING_LIMIT):
        try:
            return _claim(job_id, worker_id=worker_id, lease_seconds=lease_seconds, now=now)
        except TransitionRefused:
            # Another worker was first, or has taken the tenant's last slot.
            continue
    spend_message(named=message.job_id, now=now)
    raise reason or JobHeld(retry_after_seconds=RACE_PAUSE_SECONDS)


def renew_lease(
    *, claim: ClaimedJob, progress: JobProgress, lease_seconds: float, clock: Clock = DATABASE_CLOCK
) -> None:
    """
    Move the lease on, and record progress in the same UPDATE.

    Raises:
        LeaseLost: Another attempt, a cancel or a deletion has taken the job.
    """
    now = clock.now()
    fenced = VideoTranscodeJob.objects.for_tenant(claim.tenant_id).filter(
        pk=claim.job_id, state=JobState.RUNNING, attempt_count=claim.attempt
    )
    renewed = fenced.update(
        lease_until=now + timedelta(seconds=lease_seconds),
        stage=progress.stage,
        progress_percent=progress.percent,
        remaining_seconds=progress.remaining_seconds,
        progress_at=now,
    )
    if renewed == 0:
        raise LeaseLost(f"job {claim.job_id}, attempt {claim.attempt}")


def publish_job(*, claim: ClaimedJob, output: TranscodeOutput, clock: Clock = DATABASE_CLOCK) -> None:
    """
    Make an attempt's output the one that viewers see: SUCCEEDED and the pointer switch in one commit.

    Raises:
        LeaseLost: Not ours any more. What was written stays invisible and is collected later.
    """
    now = clock.now()
    outcome = asdict(output)
    source_facts = outcome.pop("source_facts")
    with transaction.atomic():
        _end_attempt(
            claim,
            event=EventName.JOB_SUCCEEDED,
            now=now,
            job_fields={
                "finished_at": now,
                "progress_percent": 100.0,
                "remaining_seconds": 0.0,
                "stage": "done",
                "cause_code": "",
                "cause_detail": "",
                "output": outcome,
            },
            video_fields={
                "published_prefix": claim.output_prefix,
                "published_at": now,
                "playback_check_at": now + FIRST_CHECK_AFTER,
                "master_key": output.master_key,
                "thumbnail_key": output.thumbnail_key,
                "duration_seconds": output.duration_seconds,
                "width": output.width or None,
                "height": output.height or None,
                "output_bytes": output.bytes_total,
                "failure_code": "",
                "failure_detail": "",
            },
            data={"renditions": list(output.renditions), "object_count": output.object_count},
        )
        # What `complete` had no time for: the facts are known now.
        uploads = VideoUpload.objects.for_tenant(claim.tenant_id).filter(video_id=claim.video_id, verified=False)
        uploads.update(verified=True, media_facts=source_facts)


def fail_job(*, claim: ClaimedJob, cause_code: str, detail: str, clock: Clock = DATABASE_CLOCK) -> None:
    """
    End the job for good: the file is at fault, and another attempt would end the same way.

    Raises:
        LeaseLost: Not ours any more.
    """
    now = clock.now()
    _end_attempt(
        claim,
        event=EventName.JOB_FAILED,
        now=now,
        job_fields={"finished_at": now, "cause_code": cause_code, "cause_detail": detail},
        video_fields={"failure_code": cause_code, "failure_detail": detail},
        data={"cause_code": cause_code},
    )


def retry_job(*, claim: ClaimedJob, cause_code: str, detail: str, clock: Clock = DATABASE_CLOCK) -> JobState:
    """
    End the attempt, not the job: something of ours went wrong.

    Returns:
        RETRY_WAIT with the next attempt's message in the same commit, or DEAD when the budget is used up.

    Raises:
        LeaseLost: Not ours any more.
    """
    job = _own_job(claim)
    delay = backoff_delay(failure_count=job.failure_count + 1)
    return _end_with_failure(
        job,
        event=EventName.JOB_RETRY_SCHEDULED,
        actor=f"worker:{job.worker_id}",
        now=clock.now(),
        cause=(cause_code, detail),
        delay=delay,
    )


def hand_back_job(*, claim: ClaimedJob, detail: str = "", clock: Clock = DATABASE_CLOCK) -> None:
    """
    Give the job back at once, because this worker stops. It costs no attempt of the budget.

    Args:
        detail: Why it stops, unless it was told to.

    What was finished of it stays: the next attempt takes it over.

    Raises:
        LeaseLost: Not ours any more.
    """
    now = clock.now()
    with transaction.atomic():
        moved = _end_attempt(
            claim,
            event=EventName.JOB_HANDED_BACK,
            now=now,
            job_fields={
                "next_attempt_at": now,
                "lease_until": None,
                "cause_code": "WORKER_SHUTDOWN",
                "cause_detail": detail,
            },
        )
        add_wake_up(job=moved, now=now)


def expire_lease(*, job: VideoTranscodeJob, actor: str, now: datetime) -> JobState:
    """
    Take the job from a worker that has gone silent.

    Returns:
        RETRY_WAIT, due at once, or DEAD when the budget is used up.

    Raises:
        LeaseLost: The job moved on meanwhile, or its lease did: a renewal waits for no lock.
    """
    return _end_with_failure(
        job,
        event=EventName.JOB_LEASE_EXPIRED,
        actor=actor,
        now=now,
        cause=("WORKER_LOST", f"no sign of life from {job.worker_id}"),
        delay=timedelta(0),
        fence={"lease_until": job.lease_until},
    )


def requeue_job(*, job: VideoTranscodeJob, actor: str, now: datetime) -> VideoTranscodeJob:
    """
    Put a job whose retry is due back in line.

    Raises:
        TransitionRefused: It moved on meanwhile.
    """
    with transaction.atomic():
        return move_job(
            job=job, event=EventName.JOB_REQUEUED, actor=actor, now=now, job_fields={"next_attempt_at": None}
        )


def cancel_job(
    *, job: VideoTranscodeJob, actor: str, now: datetime, video_fields: Fields | None = None
) -> VideoTranscodeJob:
    """
    Cancel an active job, in the caller's transaction. Its worker finds out at its next heartbeat and stops.

    Raises:
        TransitionRefused: It has its outcome.
    """
    return _leave_slot(
        job,
        event=EventName.JOB_CANCELLED,
        actor=actor,
        now=now,
        job_fields={"finished_at": now, "cause_code": "CANCELLED", "next_attempt_at": None},
        video_fields=video_fields or {},
    )


def claim_of(job: VideoTranscodeJob) -> ClaimedJob:
    """Return a running job as its worker, or one that helps it, sees it."""
    upload = job.video.upload
    return ClaimedJob(
        job_id=job.pk,
        video_id=job.video_id,
        tenant_id=job.tenant_id,
        attempt=job.attempt_count,
        source_key=upload.file_key,
        source_etag=upload.etag or None,
        source_size_bytes=upload.size_bytes,
        verified=upload.verified,
        output_prefix=attempt_prefix(
            tenant_id=job.tenant_id, video_id=job.video_id, job_id=job.pk, attempt=job.attempt_count
        ),
        longest_seconds=limits_of(job.tenant).duration_seconds,
        encoding=encoding_of(job.tenant),
        traceparent=job.traceparent,
        plan_digest=job.plan.get("digest", ""),
    )


def _make_claimable(message: TranscodeMessage, *, now: datetime) -> JobHeld | JobSettled | None:
    """Put the named job in line if it can be. Return why it cannot, or None when it stands in line."""
    job = _visible_job(message)
    try:
        if job.state not in ACTIVE_JOB_STATES:
            return JobSettled(f"job {job.pk} is {job.state}")
        _put_in_line(job, now=now)
    except (JobHeld, JobSettled) as reason:
        return reason
    except (TransitionRefused, LeaseLost):
        return JobHeld(retry_after_seconds=RACE_PAUSE_SECONDS)
    return None


def _visible_job(message: TranscodeMessage) -> VideoTranscodeJob:
    try:
        return VideoTranscodeJob.objects.for_tenant(message.tenant_id).get(pk=message.job_id, video_id=message.video_id)
    except VideoTranscodeJob.DoesNotExist as error:
        raise JobNotVisible(str(message.job_id)) from error


def _put_in_line(job: VideoTranscodeJob, *, now: datetime) -> None:
    """Settle an overdue lease or retry."""
    if job.state == JobState.RUNNING:
        _raise_if_held(job.lease_until, now=now)
        if expire_lease(job=job, actor="worker", now=now) is JobState.DEAD:
            raise JobSettled(f"job {job.pk} is out of attempts")
        job = VideoTranscodeJob.objects.for_tenant(job.tenant_id).get(pk=job.pk)
    if job.state == JobState.RETRY_WAIT:
        _raise_if_held(job.next_attempt_at, now=now)
        requeue_job(job=job, actor="worker", now=now)


def _claim(job_id: UUID, *, worker_id: str, lease_seconds: float, now: datetime) -> ClaimedJob:
    job = VideoTranscodeJob.objects.across_tenants().filter(pk=job_id).first()
    if job is None:
        raise TransitionRefused(f"job {job_id} is gone")
    with transaction.atomic():
        lock_video(tenant_id=job.tenant_id, video_id=job.video_id)
        take_slot(tenant_id=job.tenant_id)
        moved = move_job(
            job=job,
            event=EventName.JOB_CLAIMED,
            actor=f"worker:{worker_id}",
            now=now,
            job_fields={
                "attempt_count": job.attempt_count + 1,
                "worker_id": worker_id,
                "lease_until": now + timedelta(seconds=lease_seconds),
                "started_at": job.started_at or now,
                "next_attempt_at": None,
                "stage": "starting",
                "progress_percent": 0.0,
                "remaining_seconds": None,
                "progress_at": now,
            },
        )
    return claim_of(moved)


def _raise_if_held(until: datetime | None, *, now: datetime) -> None:
    if until is not None and until > now:
        raise JobHeld(retry_after_seconds=(until - now).total_seconds() + 1)


def _forget_chunks(job: VideoTranscodeJob) -> None:
    """Remove a job's chunks when it has ended: its playlists say all that they did, and helpers stop."""
    if job.state in ACTIVE_JOB_STATES:
        return
    chunks = TranscodeChunk.objects.for_tenant(job.tenant_id).filter(job=job)
    if job.state == JobState.CANCELLED:
        # Those are leases: whoever comes after waits until their workers have stopped.
        chunks = chunks.exclude(state=ChunkState.RUNNING)
    chunks.delete()


def _leave_slot(job: VideoTranscodeJob, *, event: EventName, now: datetime, **move: Any) -> VideoTranscodeJob:
    """Move a job on that may have been running, and wake up whoever has waited for its slot, in one transaction."""
    lock_video(tenant_id=job.tenant_id, video_id=job.video_id)
    lock_slots(tenant_id=job.tenant_id)
    moved = move_job(job=job, event=event, now=now, **move)
    _forget_chunks(moved)
    wake_capped_jobs(tenant_id=job.tenant_id, now=now)
    return moved


def _own_job(claim: ClaimedJob) -> VideoTranscodeJob:
    jobs = VideoTranscodeJob.objects.for_tenant(claim.tenant_id)
    try:
        return jobs.get(pk=claim.job_id, state=JobState.RUNNING, attempt_count=claim.attempt)
    except VideoTranscodeJob.DoesNotExist as error:
        raise LeaseLost(f"job {claim.job_id}, attempt {claim.attempt}") from error


def _end_attempt(
    claim: ClaimedJob,
    *,
    event: EventName,
    now: datetime,
    job_fields: Fields,
    video_fields: Fields | None = None,
    data: Fields | None = None,
) -> VideoTranscodeJob:
    job = _own_job(claim)
    try:
        with transaction.atomic():
            return _leave_slot(
                job,
                event=event,
                actor=f"worker:{job.worker_id}",
                now=now,
                job_fields=job_fields,
                video_fields=video_fields or {},
                data=data or {},
            )
    except TransitionRefused as error:
        raise LeaseLost(f"job {claim.job_id}, attempt {claim.attempt}") from error


def _end_with_failure(
    job: VideoTranscodeJob,
    *,
    event: EventName,
    actor: str,
    now: datetime,
    cause: tuple[str, str],
    delay: timedelta,
    fence: Fields = NO_FIELDS,
) -> JobState:
    """Count a failure that is ours, and wait for the next attempt or give up."""
    cause_code, detail = cause
    failures = job.failure_count + 1
    exhausted = failures >= job.max_attempts
    fields: dict[str, object] = {"failure_count": failures, "cause_code": cause_code, "cause_detail": detail}
    ending = {"finished_at": now} if exhausted else {"next_attempt_at": now + delay}
    try:
        with transaction.atomic():
            moved = _leave_slot(
                job,
                event=EventName.JOB_ATTEMPTS_EXHAUSTED if exhausted else event,
                actor=actor,
                now=now,
                fence=fence,
                job_fields={**fields, **ending, "lease_until": None},
                video_fields={"failure_code": cause_code, "failure_detail": detail} if exhausted else {},
                data={"cause_code": cause_code, "failure_count": failures},
            )
            if not exhausted:
                add_wake_up(job=moved, now=now, due_at=now + delay)
    except TransitionRefused as error:
        raise LeaseLost(f"job {job.pk}, attempt {job.attempt_count}") from error
    return JobState(moved.state)
