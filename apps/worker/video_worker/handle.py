"""What becomes of one message."""

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import structlog
from django.db import DatabaseError

from apps.support.video.domain.contracts import (
    ClaimedJob,
    JobProgress,
    TranscodeMessage,
    TranscodeOutput,
    UnreadableMessage,
)
from apps.support.video.domain.errors import JobHeld, JobNotVisible, JobSettled, LeaseLost, TenantFull
from apps.support.video.services import stopping, transcode
from libs.clock import Clock
from libs.db.clock import DatabaseClock
from libs.media.process import ProcessAborted
from libs.observability import tracing
from libs.queue.client import QueueUnavailable, ReceiptHandleStale, ReceivedMessage

from .database import persistently
from .failures import ATTEMPT_FAILURES, Failure, bug_of, failure_of
from .folders import scratch_folder
from .lease import LeaseKeeper, ProgressReporter
from .table_ledger import TableLedger
from .video.ledger import ChunkLedger

log = structlog.get_logger(__name__)

# A duplicate of a held job: the table wakes the job up again by itself, so the message may sleep. One that comes again
# and again goes: a long encode would drive it into the DLQ.
LONGEST_HELD_SECONDS = 900.0
MOST_HELD_RECEIVES = 2
NOT_VISIBLE_SECONDS = 10.0
HANDED_OVER = "handed over before the queue's longest visibility"
CHUNK_LOST = "lost a chunk to another worker"


class Outcome(StrEnum):
    """What was done about a message."""

    SUCCEEDED = "job_succeeded"
    FAILED = "job_failed"
    RETRY = "job_retry_scheduled"
    HOST_UNFIT = "host_unfit"
    HANDED_BACK = "job_handed_back"
    LEASE_LOST = "lease_lost"
    HELD = "job_held"
    TENANT_FULL = "tenant_full"
    HELPED = "chunks_done"
    SETTLED = "job_settled"
    NOT_VISIBLE = "job_not_visible"
    UNREADABLE = "message_unreadable"


# Whatever comes next has a message of its own.
_MESSAGE_SERVED = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RETRY, Outcome.HOST_UNFIT})


class MessageSource(Protocol):
    """A queue as its consumer sees it: at least once, in any order. Methods raise `QueueUnavailable`."""

    def receive(
        self, *, queue_name: str, max_messages: int, wait_seconds: int, visibility_seconds: int
    ) -> Sequence[ReceivedMessage]: ...

    def delete(self, *, queue_name: str, receipt_handle: str) -> None:
        """Also raises `ReceiptHandleStale`."""

    def change_visibility(self, *, queue_name: str, receipt_handle: str, visibility_seconds: float) -> None:
        """Also raises `ReceiptHandleStale`."""


class Processor(Protocol):
    """Turns a claimed job into a package, or raises one of `ATTEMPT_FAILURES`, `ProcessAborted` or `LeaseLost`."""

    def run(
        self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput: ...


class ChunkHelper(Protocol):
    """Does chunks of jobs that other workers hold."""

    def help_out(self) -> int:
        """Do chunks until nobody needs help or a job waits for a worker, and return how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHandler:
    """Claims, works, settles, and only then deletes the message."""

    queue: MessageSource
    queue_name: str
    processor: Processor
    helper: ChunkHelper
    worker_id: str
    lease_seconds: float
    handover_seconds: float
    """SQS hides a message for 12 hours at most, from its receipt: before that, another attempt takes over."""
    work_folder: Path
    stopping: threading.Event
    clock: Clock = field(default_factory=DatabaseClock)
    """Leases are compared by other processes: a worker whose own clock is wrong must neither lose nor stretch one."""

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
        received_ns = time.time_ns()
        try:
            claim = transcode.claim_job(
                message=message, worker_id=self.worker_id, lease_seconds=self.lease_seconds, clock=self.clock
            )
        except (JobNotVisible, JobHeld, JobSettled, TenantFull) as reason:
            outcome = self._put_aside(message, received, reason)
            return Outcome.HELPED if self.helper.help_out() else outcome
        with _attempt_span(claim, received, worker_id=self.worker_id, received_ns=received_ns):
            return self._attempt(claim, received)

    def _put_aside(
        self,
        message: TranscodeMessage,
        received: ReceivedMessage,
        reason: JobNotVisible | JobHeld | JobSettled | TenantFull,
    ) -> Outcome:
        """Delete or hide a message that starts nothing now."""
        if isinstance(reason, JobSettled | TenantFull):
            self._delete(received)
            return Outcome.SETTLED if isinstance(reason, JobSettled) else Outcome.TENANT_FULL
        if message.is_call_for_help or (isinstance(reason, JobHeld) and received.receive_count > MOST_HELD_RECEIVES):
            # The table says who needs help, and wakes a job up whose lease ends or whose retry is due.
            self._delete(received)
            return Outcome.HELD
        if isinstance(reason, JobHeld):
            self._hide(received, min(reason.retry_after_seconds, LONGEST_HELD_SECONDS))
            return Outcome.HELD
        self._hide(received, NOT_VISIBLE_SECONDS)
        return Outcome.NOT_VISIBLE

    def _attempt(self, claim: ClaimedJob, received: ReceivedMessage) -> Outcome:
        started = time.monotonic()
        try:
            outcome = self._work(claim, received)
        except LeaseLost:
            outcome = self._let_go(claim)
        if outcome in _MESSAGE_SERVED:
            self._delete(received)
        elif outcome is Outcome.HANDED_BACK:
            self._hide(received, 0)
        tracing.note({"outcome": str(outcome)})
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

    def _let_go(self, claim: ClaimedJob) -> Outcome:
        """Say that all our processes have ended: whoever waits for that need not wait for the lease."""
        try:
            # Where only a chunk was lost the job is still ours, and nothing is wrong with it.
            persistently(lambda: transcode.hand_back_job(claim=claim, detail=CHUNK_LOST, clock=self.clock))
        except LeaseLost:
            persistently(lambda: stopping.acknowledge_stop(claim=claim, clock=self.clock))
            return Outcome.LEASE_LOST
        return Outcome.HANDED_BACK

    def _work(self, claim: ClaimedJob, received: ReceivedMessage) -> Outcome:
        ledger = TableLedger(claim, worker_id=self.worker_id, lease_seconds=self.lease_seconds, clock=self.clock)
        with self._lease(claim, received, ledger) as lease:
            try:
                with scratch_folder(self.work_folder, prefix=f"{claim.job_id}-{claim.attempt}-") as folder:
                    output = self.processor.run(claim, folder=folder, progress=lease, ledger=ledger)
            except ProcessAborted as error:
                return self._stopped(claim, lease, error)
            except ATTEMPT_FAILURES as error:
                return self._settle_failure(claim, failure_of(error))
            except (LeaseLost, DatabaseError):
                raise
            except Exception as error:
                # A bug of ours has its name in the table at once, not that of a lost worker minutes later.
                self._settle_failure(claim, bug_of(error))
                raise
            if lease.lost.is_set():
                raise LeaseLost(str(claim.job_id))
            with tracing.span("publish"):
                persistently(lambda: transcode.publish_job(claim=claim, output=output, clock=self.clock))
            return Outcome.SUCCEEDED

    def _lease(self, claim: ClaimedJob, received: ReceivedMessage, ledger: TableLedger) -> LeaseKeeper:
        def renew(progress: JobProgress) -> None:
            transcode.renew_lease(claim=claim, progress=progress, lease_seconds=self.lease_seconds, clock=self.clock)
            ledger.renew()

        return LeaseKeeper(
            renew=renew,
            extend_visibility=lambda: self.queue.change_visibility(
                queue_name=self.queue_name,
                receipt_handle=received.receipt_handle,
                visibility_seconds=self.lease_seconds,
            ),
            lease_seconds=self.lease_seconds,
            stopping=self.stopping,
            handover_seconds=self.handover_seconds,
        )

    def _stopped(self, claim: ClaimedJob, lease: LeaseKeeper, error: ProcessAborted) -> Outcome:
        if lease.lost.is_set():
            raise LeaseLost(str(claim.job_id)) from error
        detail = HANDED_OVER if lease.is_over() and not self.stopping.is_set() else ""
        persistently(lambda: transcode.hand_back_job(claim=claim, detail=detail, clock=self.clock))
        return Outcome.HANDED_BACK

    def _settle_failure(self, claim: ClaimedJob, failure: Failure) -> Outcome:
        tracing.fail(failure.cause_code)
        log.warning(
            "attempt_failed",
            job_id=str(claim.job_id),
            attempt=claim.attempt,
            cause_code=failure.cause_code,
            detail=failure.detail,
        )
        cause = {"cause_code": failure.cause_code, "detail": failure.detail}
        if failure.is_final:
            persistently(lambda: transcode.fail_job(claim=claim, **cause, clock=self.clock))
            return Outcome.FAILED
        persistently(lambda: transcode.retry_job(claim=claim, **cause, clock=self.clock))
        return Outcome.HOST_UNFIT if failure.is_hosts else Outcome.RETRY

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


def _attempt_span(
    claim: ClaimedJob, received: ReceivedMessage, *, worker_id: str, received_ns: int
) -> AbstractContextManager[None]:
    """Return the span of an attempt: of the trace of the job that was claimed, whichever one its message is of."""
    message_place = tracing.accept_traceparent(received.traceparent)
    is_of_another = tracing.trace_id_of(message_place) != tracing.trace_id_of(claim.traceparent)
    return tracing.span(
        "process job",
        kind="consumer",
        parent=claim.traceparent,
        link=message_place if is_of_another else "",
        attributes={
            "messaging.system": "aws_sqs",
            "messaging.message.id": received.message_id,
            "job_id": str(claim.job_id),
            "video_id": claim.video_id,
            "attempt": claim.attempt,
            "worker_id": worker_id,
        },
        started_ns=received_ns,
    )
