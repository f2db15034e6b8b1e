"""
Why is this video where it is? A pure function of what was seen, so that every answer can be tested without a world.

`selectors.diagnosis` looks; `diagnose` concludes; `messages` says it to people.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .causes import CAUSES, Acts, Cause, Fault, Verdict, known_cause
from .lifecycle import ACTIVE_JOB_STATES, JobState, UploadState

# An outbox row that is unsent for longer is an alarm of its own.
UNSENT_IS_FAILING_AFTER = timedelta(seconds=60)
# A worker says that it lives every ten seconds.
NO_CONSUMER_AFTER = timedelta(minutes=2)
POISON_AFTER_CRASHES = 3


class NextStep(StrEnum):
    """What happens next, or what somebody has to do."""

    NOTHING = "nothing"
    UPLOAD_THE_FILE = "upload_the_file"
    RECONCILER_COMPLETES = "reconciler_completes"
    RELAY_SENDS = "relay_sends"
    WORKER_CLAIMS = "worker_claims"
    WORKER_FINISHES = "worker_finishes"
    RECONCILER_RESENDS = "reconciler_resends"
    RECONCILER_TAKES_BACK = "reconciler_takes_back"
    RETRY_STARTS = "retry_starts"
    NEW_UPLOAD = "new_upload"
    PRESS_RETRY = "press_retry"
    OPERATOR_LOOKS = "operator_looks"


class StorageAnswer(StrEnum):
    """What storage said about the source's key."""

    NOT_ASKED = "not_asked"
    MISSING = "missing"
    PRESENT = "present"
    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSeen:
    """The upload's row, and what storage has."""

    state: UploadState
    created_at: datetime
    deadline_at: datetime
    url_expires_at: datetime
    declared_bytes: int
    next_check_at: datetime | None
    storage: StorageAnswer = StorageAnswer.NOT_ASKED
    stored_bytes: int = 0
    is_another_file: bool = False
    parts_stored: int = 0
    parts_planned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """The current job's row."""

    state: JobState
    since: datetime
    attempt: int
    loss_count: int
    """How many workers have gone silent on it."""
    worker_id: str
    lease_until: datetime | None
    next_attempt_at: datetime | None
    progress_at: datetime | None
    remaining_seconds: float | None
    cause_code: str

    @property
    def due_at(self) -> datetime:
        """From when it waits for nothing but a worker, if it waits."""
        return self.next_attempt_at or self.since

    def stands_in_line(self, *, now: datetime) -> bool:
        """Tell whether it waits for a worker. A retry that is due does, and stays RETRY_WAIT until one hears of it."""
        return self.state is JobState.QUEUED or (self.state is JobState.RETRY_WAIT and self.due_at <= now)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSeen:
    """The job's newest outbox row."""

    created_at: datetime
    due_at: datetime
    sent_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSeen:
    """The queue and the fleet. None: could not be asked."""

    position: int | None
    queue_is_empty: bool | None
    last_worker_seen_at: datetime | None
    tenant_running: int
    tenant_limit: int | None

    @property
    def is_tenant_full(self) -> bool:
        """Whether its tenant runs as many jobs as it may."""
        return self.tenant_limit is not None and self.tenant_running >= self.tenant_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that was seen of one video."""

    now: datetime
    is_published: bool
    is_deleted: bool
    since: datetime
    failure_code: str
    upload: UploadSeen
    job: JobSeen | None
    message: MessageSeen | None
    line: LineSeen
    dead_lettered_at: datetime | None
    """When the queue gave up on the current job's message, in the job's present state."""
    redelivery_window: timedelta
    stall_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The answer, before it is put into words."""

    cause: Cause
    verdict: Verdict
    fault: Fault
    acts: Acts
    holder: str
    since: datetime
    next_step: NextStep
    next_step_at: datetime | None
    position_in_line: int | None = None
    inner_cause: Cause | None = None
    """What lies behind the cause, where that only says how it came out, or what is waited for since."""


def diagnose(seen: Situation) -> Diagnosis:
    """Return why the video is where it is. There is always an answer; one that we cannot explain is our bug."""
    if seen.is_deleted:
        return _conclude(seen, Cause.DELETED, holder="nobody", next_step=NextStep.NOTHING)
    if seen.upload.state in {UploadState.PENDING, UploadState.EXPIRED}:
        return _of_upload(seen)
    if seen.is_published:
        return _of_published(seen)
    if seen.upload.state is UploadState.REFUSED:
        return _of_failure(seen, known_cause(seen.failure_code))
    if seen.job is None:
        return _conclude(seen, Cause.STATE_DRIFT, holder="reconciler", next_step=NextStep.OPERATOR_LOOKS)
    return _of_job(seen, seen.job)


def _of_published(seen: Situation) -> Diagnosis:
    """Conclude of what can be watched. A re-encode may be under way."""
    if seen.failure_code != Cause.PLAYBACK_OBJECT_MISSING:
        return _conclude(seen, Cause.READY, holder="nobody", next_step=NextStep.NOTHING)
    is_being_repaired = seen.job is not None and seen.job.state in ACTIVE_JOB_STATES
    return _conclude(
        seen,
        Cause.PLAYBACK_OBJECT_MISSING,
        holder="worker" if is_being_repaired else "nobody",
        next_step=NextStep.WORKER_FINISHES if is_being_repaired else NextStep.NEW_UPLOAD,
    )


def _of_upload(seen: Situation) -> Diagnosis:
    upload = seen.upload
    cause = _upload_cause(upload, now=seen.now)
    if cause in {Cause.UPLOAD_COMPLETE_NOT_CALLED, Cause.STORAGE_THROTTLED}:
        return _conclude(
            seen,
            cause,
            holder="reconciler" if cause is Cause.UPLOAD_COMPLETE_NOT_CALLED else "storage",
            next_step=NextStep.RECONCILER_COMPLETES,
            at=max(seen.now, upload.next_check_at or seen.now),
        )
    if CAUSES[cause].acts is Acts.USER:
        over = cause is Cause.UPLOAD_ABANDONED
        step = NextStep.NEW_UPLOAD if over else NextStep.UPLOAD_THE_FILE
        return _conclude(seen, cause, holder="uploader", next_step=step, at=None if over else upload.deadline_at)
    return _conclude(seen, cause, holder="storage", next_step=NextStep.OPERATOR_LOOKS)


_REFUSING_STORAGE = {
    StorageAnswer.DENIED: Cause.STORAGE_DENIED,
    StorageAnswer.THROTTLED: Cause.STORAGE_THROTTLED,
    StorageAnswer.UNAVAILABLE: Cause.STORAGE_UNAVAILABLE,
}


def _upload_cause(upload: UploadSeen, *, now: datetime) -> Cause:
    if upload.storage in _REFUSING_STORAGE:
        return _REFUSING_STORAGE[upload.storage]
    if upload.storage is StorageAnswer.PRESENT:
        return _stored_cause(upload)
    if upload.state is UploadState.EXPIRED or upload.deadline_at <= now:
        return Cause.UPLOAD_ABANDONED
    if upload.parts_planned:
        whole = upload.parts_stored >= upload.parts_planned
        return Cause.UPLOAD_COMPLETE_NOT_CALLED if whole else Cause.UPLOAD_PARTS_MISSING
    return Cause.UPLOAD_WAITING if now < upload.url_expires_at else Cause.UPLOAD_ABANDONED


def _stored_cause(upload: UploadSeen) -> Cause:
    if upload.stored_bytes == 0:
        return Cause.UPLOAD_EMPTY
    if upload.stored_bytes != upload.declared_bytes:
        return Cause.UPLOAD_SIZE_MISMATCH
    if upload.is_another_file:
        return Cause.UPLOAD_CHECKSUM_MISMATCH
    return Cause.UPLOAD_COMPLETE_NOT_CALLED


def _of_job(seen: Situation, job: JobSeen) -> Diagnosis:
    if job.state is JobState.QUEUED:
        return _behind_dead_letter(seen, _of_queued(seen, job))
    if job.state is JobState.RUNNING:
        return _of_running(seen, job)
    if job.state is JobState.RETRY_WAIT:
        return _behind_dead_letter(seen, _of_retry(seen, job))
    if job.state is JobState.SUCCEEDED and seen.failure_code == Cause.PLAYBACK_OBJECT_MISSING:
        return _of_failure(seen, Cause.PLAYBACK_OBJECT_MISSING)
    if job.state is JobState.SUCCEEDED:
        return _conclude(seen, Cause.STATE_DRIFT, holder="reconciler", next_step=NextStep.OPERATOR_LOOKS)
    return _of_failure(seen, _end_cause(job))


def _of_retry(seen: Situation, job: JobSeen) -> Diagnosis:
    retry = _conclude(
        seen,
        known_cause(job.cause_code),
        holder="queue",
        next_step=NextStep.RETRY_STARTS,
        at=max(seen.now, job.due_at),
        since=job.since,
    )
    if not job.stands_in_line(now=seen.now):
        return retry
    # Its message was written with the retry, and was not to be sent before that is due.
    message = replace(seen.message, created_at=max(seen.message.created_at, job.due_at)) if seen.message else None
    waiting = _of_queued(replace(seen, message=message), replace(job, since=job.due_at))
    return retry if waiting.cause is Cause.ENQUEUE_PENDING else replace(waiting, inner_cause=retry.cause)


def _behind_dead_letter(seen: Situation, diagnosis: Diagnosis) -> Diagnosis:
    """Say that the queue gave up on the job's message, and keep what went wrong or is waited for as inner cause."""
    if seen.dead_lettered_at is None:
        return diagnosis
    entry = CAUSES[Cause.DLQ_EXHAUSTED]
    return replace(
        diagnosis,
        cause=Cause.DLQ_EXHAUSTED,
        verdict=entry.verdict,
        fault=entry.fault,
        acts=entry.acts,
        since=seen.dead_lettered_at,
        inner_cause=diagnosis.inner_cause or diagnosis.cause,
    )


def _end_cause(job: JobSeen) -> Cause:
    if job.state is JobState.CANCELLED:
        return Cause.CANCELLED
    cause = known_cause(job.cause_code)
    crashed = job.state is JobState.DEAD and cause is Cause.WORKER_LOST and job.loss_count >= POISON_AFTER_CRASHES
    return Cause.POISON_WORKER_CRASH if crashed else cause


def _of_queued(seen: Situation, job: JobSeen) -> Diagnosis:
    message, line = seen.message, seen.line
    if line.is_tenant_full and not _has_no_consumer(seen):
        # Whatever became of its message: a slot that is freed wakes the job up.
        return _conclude(
            seen,
            Cause.QUEUE_TENANT_CAPPED,
            holder="queue",
            next_step=NextStep.WORKER_CLAIMS,
            since=job.since,
            position=line.position,
        )
    if message is None:
        return _conclude(
            seen,
            Cause.QUEUE_MESSAGE_LOST,
            holder="reconciler",
            next_step=NextStep.RECONCILER_RESENDS,
            at=job.since + seen.redelivery_window,
            since=job.since,
        )
    if message.sent_at is None:
        failing = seen.now - message.created_at > UNSENT_IS_FAILING_AFTER
        cause = Cause.ENQUEUE_FAILING if failing else Cause.ENQUEUE_PENDING
        at = max(seen.now, message.due_at)
        return _conclude(seen, cause, holder="outbox", next_step=NextStep.RELAY_SENDS, at=at, since=message.created_at)
    cause = _waiting_cause(seen, sent_at=message.sent_at)
    lost = cause is Cause.QUEUE_MESSAGE_LOST
    return _conclude(
        seen,
        cause,
        holder="reconciler" if lost else "queue",
        next_step=_WAITING_STEPS.get(cause, NextStep.WORKER_CLAIMS),
        at=message.sent_at + seen.redelivery_window if lost else None,
        since=message.sent_at,
        position=line.position,
    )


_WAITING_STEPS = {
    Cause.QUEUE_MESSAGE_LOST: NextStep.RECONCILER_RESENDS,
    Cause.QUEUE_NO_CONSUMER: NextStep.OPERATOR_LOOKS,
}


def _waiting_cause(seen: Situation, *, sent_at: datetime) -> Cause:
    if _has_no_consumer(seen):
        return Cause.QUEUE_NO_CONSUMER
    if seen.line.queue_is_empty and seen.now - sent_at > timedelta(seconds=10):
        return Cause.QUEUE_MESSAGE_LOST
    return Cause.QUEUE_WAITING


def _has_no_consumer(seen: Situation) -> bool:
    last = seen.line.last_worker_seen_at
    return last is None or seen.now - last > NO_CONSUMER_AFTER


def _of_running(seen: Situation, job: JobSeen) -> Diagnosis:
    holder = f"worker:{job.worker_id}"
    if job.lease_until is None or job.lease_until <= seen.now:
        return _conclude(
            seen,
            Cause.WORKER_LOST,
            holder=holder,
            next_step=NextStep.RECONCILER_TAKES_BACK,
            at=seen.now,
            since=job.lease_until or job.since,
        )
    if job.progress_at is not None and seen.now - job.progress_at > seen.stall_after:
        return _conclude(
            seen,
            Cause.ENCODER_STALLED,
            holder=holder,
            next_step=NextStep.RECONCILER_TAKES_BACK,
            at=job.lease_until,
            since=job.progress_at,
        )
    remaining = timedelta(seconds=job.remaining_seconds) if job.remaining_seconds is not None else None
    return _conclude(
        seen,
        Cause.ENCODING,
        holder=holder,
        next_step=NextStep.WORKER_FINISHES,
        at=seen.now + remaining if remaining is not None else None,
        since=job.since,
    )


# Where output is missing for good, the source is too.
_WITHOUT_SOURCE = frozenset({Cause.SOURCE_GONE, Cause.PLAYBACK_OBJECT_MISSING})


def _of_failure(seen: Situation, cause: Cause) -> Diagnosis:
    """Conclude a failure that is final until somebody acts."""
    is_worth_it = CAUSES[cause].fault is not Fault.YOURS or cause is Cause.CANCELLED
    is_worth_it = is_worth_it and cause not in _WITHOUT_SOURCE
    retryable = seen.upload.state is UploadState.ACCEPTED and is_worth_it
    return _conclude(
        seen,
        cause,
        verdict=Verdict.FAILED,
        holder="nobody",
        next_step=NextStep.PRESS_RETRY if retryable else NextStep.NEW_UPLOAD,
    )


def _conclude(
    seen: Situation,
    cause: Cause,
    *,
    holder: str,
    next_step: NextStep,
    at: datetime | None = None,
    since: datetime | None = None,
    verdict: Verdict | None = None,
    position: int | None = None,
) -> Diagnosis:
    entry = CAUSES[cause]
    return Diagnosis(
        cause=cause,
        verdict=verdict or entry.verdict,
        fault=entry.fault,
        acts=entry.acts,
        holder=holder,
        since=since or seen.since,
        next_step=next_step,
        next_step_at=at,
        position_in_line=position,
    )
