"""What becomes of one message."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections

from apps.support.video.domain.contracts import ClaimedJob, TranscodeMessage, TranscodeOutput, UnreadableMessage
from apps.support.video.domain.errors import JobHeld, JobNotVisible, JobSettled, LeaseLost
from apps.support.video.services import transcode
from libs.media.facts import MediaRejected
from libs.media.ffmpeg import EncodeFailed
from libs.media.ffprobe import ProbeCrashed, ProbeTimeout, SourceChanged, SourceGone, SourceUnreadable
from libs.media.process import ProcessAborted, ProcessDeadlinePassed, ProcessStalled
from libs.queue.client import QueueUnavailable, ReceiptHandleStale, ReceivedMessage, SQSQueueClient
from libs.s3_client.client import StorageError

from .lease import LeaseKeeper, ProgressReporter
from .video.ledger import ChunkLedger, MemoryLedger

log = structlog.get_logger(__name__)

# A duplicate of a held job: the table wakes the job up again by itself, so the message may sleep.
LONGEST_HELD_SECONDS = 900.0
NOT_VISIBLE_SECONDS = 10.0
SETTLE_TRIES = 6

Answer = TypeVar("Answer")


class Outcome(StrEnum):
    """What was done about a message."""

    SUCCEEDED = "job_succeeded"
    FAILED = "job_failed"
    RETRY = "job_retry_scheduled"
    HANDED_BACK = "job_handed_back"
    LEASE_LOST = "lease_lost"
    HELD = "job_held"
    SETTLED = "job_settled"
    NOT_VISIBLE = "job_not_visible"
    UNREADABLE = "message_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt ended without a package. `is_final`: the file's fault, trying again cannot help."""

    cause_code: str
    detail: str
    is_final: bool


class Processor(Protocol):
    """Turns a claimed job into a package, or raises one of `_ATTEMPT_FAILURES`, `ProcessAborted` or `LeaseLost`."""

    def run(
        self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHandler:
    """Claims, works, settles, and only then deletes the message."""

    queue: SQSQueueClient
    queue_name: str
    processor: Processor
    worker_id: str
    lease_seconds: float
    work_folder: Path
    stopping: threading.Event

    def handle(self, received: ReceivedMessage) -> Outcome:
        """Do what a message asks for and return what was done. A message that is not deleted comes again."""
        if self.stopping.is_set():
            # It came with the last answer of the long poll: somebody else's, at once.
            self._hide(received, 0)
            return Outcome.HANDED_BACK
        try:
            message = TranscodeMessage.parse(received.body)
        except UnreadableMessage as error:
            # Left alone: after enough receives the queue moves it to the DLQ, where a person finds it.
            log.error("message_unreadable", message_id=received.message_id, error=str(error))
            return Outcome.UNREADABLE
        try:
            claim = transcode.claim_job(message=message, worker_id=self.worker_id, lease_seconds=self.lease_seconds)
        except JobNotVisible:
            self._hide(received, NOT_VISIBLE_SECONDS)
            return Outcome.NOT_VISIBLE
        except JobHeld as held:
            self._hide(received, min(held.retry_after_seconds, LONGEST_HELD_SECONDS))
            return Outcome.HELD
        except JobSettled:
            self._delete(received)
            return Outcome.SETTLED
        return self._attempt(claim, received)

    def _attempt(self, claim: ClaimedJob, received: ReceivedMessage) -> Outcome:
        started = time.monotonic()
        try:
            outcome = self._work(claim, received)
        except LeaseLost:
            outcome = Outcome.LEASE_LOST
        if outcome in {Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RETRY}:
            self._delete(received)
        elif outcome is Outcome.HANDED_BACK:
            self._hide(received, 0)
        log.info(
            "attempt_finished",
            outcome=str(outcome),
            job_id=str(claim.job_id),
            video_id=claim.video_id,
            tenant_id=claim.tenant_id,
            attempt=claim.attempt,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
        return outcome

    def _work(self, claim: ClaimedJob, received: ReceivedMessage) -> Outcome:
        folder = Path(tempfile.mkdtemp(prefix=f"{claim.job_id}-{claim.attempt}-", dir=self.work_folder))
        try:
            with self._lease(claim, received) as lease:
                try:
                    output = self.processor.run(claim, folder=folder, progress=lease, ledger=MemoryLedger())
                except ProcessAborted as error:
                    return self._stopped(claim, lease, error)
                except _ATTEMPT_FAILURES as error:
                    failure = _failure_of(error)
                    return self._settle_failure(claim, failure)
                if lease.lost.is_set():
                    raise LeaseLost(str(claim.job_id))
                _settled(lambda: transcode.publish_job(claim=claim, output=output))
                return Outcome.SUCCEEDED
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _lease(self, claim: ClaimedJob, received: ReceivedMessage) -> LeaseKeeper:
        return LeaseKeeper(
            renew=lambda progress: transcode.renew_lease(
                claim=claim, progress=progress, lease_seconds=self.lease_seconds
            ),
            extend_visibility=lambda: self.queue.change_visibility(
                queue_name=self.queue_name,
                receipt_handle=received.receipt_handle,
                visibility_seconds=self.lease_seconds,
            ),
            lease_seconds=self.lease_seconds,
            stopping=self.stopping,
        )

    def _stopped(self, claim: ClaimedJob, lease: LeaseKeeper, error: ProcessAborted) -> Outcome:
        if lease.lost.is_set():
            raise LeaseLost(str(claim.job_id)) from error
        _settled(lambda: transcode.hand_back_job(claim=claim))
        return Outcome.HANDED_BACK

    def _settle_failure(self, claim: ClaimedJob, failure: Failure) -> Outcome:
        log.warning(
            "attempt_failed",
            job_id=str(claim.job_id),
            attempt=claim.attempt,
            cause_code=failure.cause_code,
            detail=failure.detail,
        )
        cause_code, detail = failure.cause_code, failure.detail
        if failure.is_final:
            _settled(lambda: transcode.fail_job(claim=claim, cause_code=cause_code, detail=detail))
            return Outcome.FAILED
        _settled(lambda: transcode.retry_job(claim=claim, cause_code=cause_code, detail=detail))
        return Outcome.RETRY

    def _delete(self, received: ReceivedMessage) -> None:
        try:
            self.queue.delete(queue_name=self.queue_name, receipt_handle=received.receipt_handle)
        except (QueueUnavailable, ReceiptHandleStale) as error:
            # It comes again and finds the job settled.
            log.warning("message_not_deleted", message_id=received.message_id, error=str(error))

    def _hide(self, received: ReceivedMessage, seconds: float) -> None:
        try:
            self.queue.change_visibility(
                queue_name=self.queue_name, receipt_handle=received.receipt_handle, visibility_seconds=seconds
            )
        except (QueueUnavailable, ReceiptHandleStale) as error:
            log.warning("message_not_hidden", message_id=received.message_id, error=str(error))


_ATTEMPT_FAILURES = (
    MediaRejected,
    EncodeFailed,
    ProbeTimeout,
    ProbeCrashed,
    SourceUnreadable,
    StorageError,
    ProcessStalled,
    ProcessDeadlinePassed,
    OSError,
)

_CAUSE_OF: tuple[tuple[type[Exception], str, bool], ...] = (
    (ProbeTimeout, "PROBE_TIMEOUT", False),
    (ProbeCrashed, "ENCODER_CRASH", False),
    (SourceChanged, "UPLOAD_OVERWRITTEN", True),
    (SourceGone, "SOURCE_GONE", True),
    (SourceUnreadable, "STORAGE_UNAVAILABLE", False),
    (StorageError, "OUTPUT_UPLOAD_FAILED", False),
    (ProcessStalled, "ENCODER_STALLED", False),
    (ProcessDeadlinePassed, "ENCODE_DEADLINE", False),
    (OSError, "WORKER_DISK_FULL", False),
)


def _failure_of(error: Exception) -> Failure:
    if isinstance(error, MediaRejected):
        return Failure(cause_code=error.cause_code, detail=error.detail, is_final=True)
    if isinstance(error, EncodeFailed):
        return Failure(cause_code=error.cause_code, detail=error.detail, is_final=error.is_files_fault)
    cause_code, is_final = next((code, final) for kind, code, final in _CAUSE_OF if isinstance(error, kind))
    return Failure(cause_code=cause_code, detail=str(error)[:1000], is_final=is_final)


def _settled(write: Callable[[], Answer]) -> Answer:
    """Write an outcome, through a database that may be away for a moment: hours of work must not hang on one."""
    for tries_left in reversed(range(SETTLE_TRIES)):
        close_old_connections()
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            if tries_left == 0:
                raise
            log.warning("outcome_not_written", error=str(error), tries_left=tries_left)
            time.sleep(2)
    raise AssertionError("unreachable")
