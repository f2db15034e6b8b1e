"""Helping: a free worker does chunks of jobs that other workers hold."""

import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog

from apps.support.video.domain.contracts import ClaimedJob
from apps.support.video.domain.errors import LeaseLost
from apps.support.video.services import chunks, stopping
from apps.support.video.services.chunks import HelpWanted
from libs.media.process import ProcessAborted
from libs.observability import tracing

from .database import persistently
from .failures import ATTEMPT_FAILURES, failure_of
from .lease import LeaseKeeper
from .table_ledger import TableLedger
from .video.encoder import Source
from .video.ledger import ChunkTicket
from .video.meter import ProgressMeter
from .video.planner import job_plan
from .video.workshop import Workshop

log = structlog.get_logger(__name__)


class _CannotHelp(Exception):
    """This worker is no help now: its plan of the job differs, it fails at it, or it is to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """
    Does chunks of jobs that other workers hold, one after the other.

    Args:
        job_waits: Tells whether a whole job waits for a worker, which comes before helping.
    """

    workshop: Workshop
    worker_id: str
    lease_seconds: float
    work_folder: Path
    stopping: threading.Event
    job_waits: Callable[[], bool]
    _sources: dict[UUID, tuple[str, Source]] = field(default_factory=dict)

    def help_out(self) -> int:
        """Do chunks until nobody needs help or a job waits for a worker, and return how many."""
        done = 0
        while not self.stopping.is_set() and not (done and self.job_waits()):
            wanted = persistently(lambda: chunks.claim_help(worker_id=self.worker_id, lease_seconds=self.lease_seconds))
            if wanted is None:
                break
            try:
                with self._span(wanted.job):
                    self._do(wanted)
            except (_CannotHelp, LeaseLost):
                # Whoever waits until everybody has left a job that was cancelled need not wait for this lease.
                persistently(partial(stopping.acknowledge_chunk_stop, claim=wanted.claim, job=wanted.job))
                break
            done += 1
        return done

    def _span(self, job: ClaimedJob) -> AbstractContextManager[None]:
        return tracing.span(
            "help",
            parent=job.traceparent,
            attributes={"job_id": str(job.job_id), "video_id": job.video_id, "worker_id": self.worker_id},
        )

    def _do(self, wanted: HelpWanted) -> None:
        ledger = TableLedger(wanted.job, worker_id=self.worker_id, lease_seconds=self.lease_seconds)
        ticket = ledger.hold(wanted.claim)
        folder = Path(tempfile.mkdtemp(prefix=f"{wanted.job.job_id}-chunk-", dir=self.work_folder))
        lease = LeaseKeeper(
            renew=lambda _progress: ledger.renew(),
            # The message that woke this worker up is gone; the chunk's row holds the claim.
            extend_visibility=lambda: None,
            lease_seconds=self.lease_seconds,
            stopping=self.stopping,
        )
        try:
            with lease:
                self._do_ticket(ticket, wanted, ledger=ledger, lease=lease, folder=folder)
        except ProcessAborted as error:
            ledger.release(ticket)
            raise _CannotHelp from error
        except ATTEMPT_FAILURES as error:
            self._leave(ticket, error, ledger=ledger)
            raise _CannotHelp from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        log.info(
            "chunk_done",
            job_id=str(wanted.job.job_id),
            tenant_id=wanted.job.tenant_id,
            kind=str(ticket.chunk.kind),
            number=ticket.chunk.number,
        )

    def _do_ticket(
        self, ticket: ChunkTicket, wanted: HelpWanted, *, ledger: TableLedger, lease: LeaseKeeper, folder: Path
    ) -> None:
        source = self._source(wanted)
        if source is None:
            ledger.release(ticket)
            raise _CannotHelp
        self.workshop.do(
            ticket,
            source=source,
            folder=folder,
            ledger=ledger,
            meter=ProgressMeter(source.plan, lease),
            should_stop=lease.should_stop,
        )

    def _source(self, wanted: HelpWanted) -> Source | None:
        """Return the job's source if this worker plans it as the job's own worker does."""
        known = self._sources.get(wanted.job.job_id)
        if known is not None and known[0] == wanted.plan_digest:
            return known[1]
        self._sources.clear()
        for may_copy in (True, False):
            source = self.workshop.open(wanted.job, may_copy=may_copy)
            if job_plan(source.plan, etag=source.etag).digest == wanted.plan_digest:
                self._sources[wanted.job.job_id] = (wanted.plan_digest, source)
                return source
        log.warning("plan_differs", job_id=str(wanted.job.job_id))
        return None

    def _leave(self, ticket: ChunkTicket, error: Exception, *, ledger: TableLedger) -> None:
        failure = failure_of(error)
        tracing.fail(failure.cause_code)
        log.warning("chunk_failed", cause_code=failure.cause_code, detail=failure.detail, number=ticket.chunk.number)
        if failure.is_final:
            ledger.fail(ticket, cause_code=failure.cause_code, detail=failure.detail, is_files_fault=True)
        else:
            ledger.release(ticket, has_failed=True)
