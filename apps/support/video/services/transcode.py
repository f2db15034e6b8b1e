"""
An attempt's life as the table sees it: claim, renew, and one of five ends.

Every write names the attempt. An attempt that has lost its job finds zero rows, and stops.
"""

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction

from libs.clock import Clock, SystemClock

from ..domain.contracts import ClaimedJob, JobProgress, TranscodeMessage, TranscodeOutput
from ..domain.errors import JobHeld, JobNotVisible, JobSettled, LeaseLost, TransitionRefused
from ..domain.keys import attempt_prefix
from ..domain.lifecycle import ACTIVE_JOB_STATES, EventName, JobState
from ..domain.retry import backoff_delay
from ..models import VideoTranscodeJob
from .lifecycle import Fields, move_job
from .sqs_queue import add_wake_up

SYSTEM_CLOCK = SystemClock()
RACE_PAUSE_SECONDS = 5.0


def claim_job(
    *, message: TranscodeMessage, worker_id: str, lease_seconds: float, clock: Clock = SYSTEM_CLOCK
) -> ClaimedJob:
    """
    Start the next attempt of the job that a message names.

    A lease that has run out, or a retry that is due, is settled on the way: a message need not wait for the reconciler.

    Raises:
        JobNotVisible: Unknown, or its commit is not visible yet. Leave the message for redelivery.
        JobHeld: Another live attempt has it, or its retry is not due. Hide the message so long.
        JobSettled: It has its outcome. Delete the message.
    """
    now = clock.now()
    job = _queued_job(_visible_job(message), now=now)
    try:
        with transaction.atomic():
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
    except TransitionRefused as error:
        raise JobHeld(retry_after_seconds=RACE_PAUSE_SECONDS) from error
    return _claim_of(moved)


def renew_lease(*, claim: ClaimedJob, progress: JobProgress, lease_seconds: float, clock: Clock = SYSTEM_CLOCK) -> None:
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


def publish_job(*, claim: ClaimedJob, output: TranscodeOutput, clock: Clock = SYSTEM_CLOCK) -> None:
    """
    Make an attempt's output the one that viewers see: SUCCEEDED and the pointer switch in one commit.

    Raises:
        LeaseLost: Not ours any more. What was written stays invisible and is collected later.
    """
    now = clock.now()
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
            "output": asdict(output),
        },
        video_fields={
            "published_prefix": claim.output_prefix,
            "published_at": now,
            "master_key": output.master_key,
            "thumbnail_key": output.thumbnail_key,
            "duration_seconds": output.duration_seconds,
            "width": output.width,
            "height": output.height,
            "failure_code": "",
            "failure_detail": "",
        },
        data={"renditions": list(output.renditions), "object_count": output.object_count},
    )


def fail_job(*, claim: ClaimedJob, cause_code: str, detail: str, clock: Clock = SYSTEM_CLOCK) -> None:
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


def retry_job(*, claim: ClaimedJob, cause_code: str, detail: str, clock: Clock = SYSTEM_CLOCK) -> JobState:
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


def hand_back_job(*, claim: ClaimedJob, clock: Clock = SYSTEM_CLOCK) -> None:
    """
    Give the job back at once, because this worker stops. It costs no attempt of the budget.

    Raises:
        LeaseLost: Not ours any more.
    """
    now = clock.now()
    with transaction.atomic():
        moved = _end_attempt(
            claim,
            event=EventName.JOB_HANDED_BACK,
            now=now,
            job_fields={"next_attempt_at": now, "lease_until": None, "cause_code": "WORKER_SHUTDOWN"},
        )
        add_wake_up(job=moved, now=now)


def expire_lease(*, job: VideoTranscodeJob, actor: str, now: datetime) -> JobState:
    """
    Take the job from a worker that has gone silent.

    Returns:
        RETRY_WAIT, due at once, or DEAD when the budget is used up.

    Raises:
        LeaseLost: The job moved on meanwhile.
    """
    return _end_with_failure(
        job,
        event=EventName.JOB_LEASE_EXPIRED,
        actor=actor,
        now=now,
        cause=("WORKER_LOST", f"no sign of life from {job.worker_id}"),
        delay=timedelta(0),
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


def _visible_job(message: TranscodeMessage) -> VideoTranscodeJob:
    jobs = VideoTranscodeJob.objects.for_tenant(message.tenant_id).select_related("video")
    try:
        job = jobs.get(pk=message.job_id, video_id=message.video_id)
    except VideoTranscodeJob.DoesNotExist as error:
        raise JobNotVisible(str(message.job_id)) from error
    if job.state not in ACTIVE_JOB_STATES:
        raise JobSettled(f"job {job.pk} is {job.state}")
    return job


def _queued_job(job: VideoTranscodeJob, *, now: datetime) -> VideoTranscodeJob:
    """Return the job in state QUEUED, after settling an overdue lease or retry."""
    try:
        if job.state == JobState.RUNNING:
            _raise_if_held(job.lease_until, now=now)
            if expire_lease(job=job, actor="worker", now=now) is JobState.DEAD:
                raise JobSettled(f"job {job.pk} is out of attempts")
            job = VideoTranscodeJob.objects.for_tenant(job.tenant_id).get(pk=job.pk)
        if job.state == JobState.RETRY_WAIT:
            _raise_if_held(job.next_attempt_at, now=now)
            job = requeue_job(job=job, actor="worker", now=now)
    except (TransitionRefused, LeaseLost) as error:
        raise JobHeld(retry_after_seconds=RACE_PAUSE_SECONDS) from error
    return job


def _raise_if_held(until: datetime | None, *, now: datetime) -> None:
    if until is not None and until > now:
        raise JobHeld(retry_after_seconds=(until - now).total_seconds() + 1)


def _claim_of(job: VideoTranscodeJob) -> ClaimedJob:
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
    )


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
            return move_job(
                job=job,
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
    job: VideoTranscodeJob, *, event: EventName, actor: str, now: datetime, cause: tuple[str, str], delay: timedelta
) -> JobState:
    """Count a failure that is ours, and wait for the next attempt or give up."""
    cause_code, detail = cause
    failures = job.failure_count + 1
    exhausted = failures >= job.max_attempts
    fields: dict[str, object] = {"failure_count": failures, "cause_code": cause_code, "cause_detail": detail}
    ending = {"finished_at": now} if exhausted else {"next_attempt_at": now + delay}
    try:
        with transaction.atomic():
            moved = move_job(
                job=job,
                event=EventName.JOB_ATTEMPTS_EXHAUSTED if exhausted else event,
                actor=actor,
                now=now,
                job_fields={**fields, **ending, "lease_until": None},
                video_fields={"failure_code": cause_code, "failure_detail": detail} if exhausted else {},
                data={"cause_code": cause_code, "failure_count": failures},
            )
            if not exhausted:
                add_wake_up(job=moved, now=now, due_at=now + delay)
    except TransitionRefused as error:
        raise LeaseLost(f"job {job.pk}, attempt {job.attempt_count}") from error
    return JobState(moved.state)
