"""Helping: a free worker does chunks of jobs that other workers hold."""

import threading
import time
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
from .folders import scratch_folder
from .lease import LeaseKeeper
from .table_ledger import TableLedger
from .video.encoder import Source
from .video.ledger import ChunkTicket
from .video.meter import ProgressMeter
from .video.workshop import Workshop

log = structlog.get_logger(__name__)

# Whoever is no help to a job tries again after so long: a deployment may be over, a disk may have room.
LEFT_ALONE_SECONDS = 300.0


class _CannotHelp(Exception):
    """This worker is no help to a job: its plan of it differs, or it fails at it."""


class _MustStop(Exception):
    """This worker is to stop, or has had its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """
    Does chunks of jobs that other workers hold, one after the other.

    What a helper fails at it gives back, uncounted, and leaves that job alone for a while: the job's own worker comes
    to the chunk in the end and judges whose fault it is. A host that can do nothing must not spoil every job.

    Args:
        job_waits: Tells whether a whole job waits for a worker, which comes before helping.
    """

    workshop: Workshop
    worker_id: str
    lease_seconds: float
    work_folder: Path
    stopping: threading.Event
    job_waits: Callable[[], bool]
    _sources: dict[UUID, Source] = field(default_factory=dict)
    _left_until: dict[UUID, float] = field(default_factory=dict)

    def help_out(self) -> int:
        """Do chunks until nobody needs help or a job waits for a worker, and return how many."""
        done = 0
        while not self.stopping.is_set() and not (done and self.job_waits()):
            wanted = self._claim()
            if wanted is None:
                break
            try:
                with self._span(wanted.job):
                    self._do(wanted)
            except (_CannotHelp, _MustStop, LeaseLost) as reason:
                if isinstance(reason, _CannotHelp):
                    self._left_until[wanted.job.job_id] = time.monotonic() + LEFT_ALONE_SECONDS
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

    def _claim(self) -> HelpWanted | None:
        now = time.monotonic()
        for job_id in [job_id for job_id, until in self._left_until.items() if until < now]:
            del self._left_until[job_id]
        return persistently(
            lambda: chunks.claim_help(
                worker_id=self.worker_id, lease_seconds=self.lease_seconds, left_alone=list(self._left_until)
            )
        )

    def _do(self, wanted: HelpWanted) -> None:
        ledger = TableLedger(wanted.job, worker_id=self.worker_id, lease_seconds=self.lease_seconds)
        ticket = ledger.hold(wanted.claim)
        lease = LeaseKeeper(
            renew=lambda _progress: ledger.renew(),
            # The message that woke this worker up is gone; the chunk's row holds the claim.
            extend_visibility=lambda: None,
            lease_seconds=self.lease_seconds,
            stopping=self.stopping,
        )
        try:
            with lease, scratch_folder(self.work_folder, prefix=f"{wanted.job.job_id}-chunk-") as folder:
                self._do_ticket(ticket, wanted, ledger=ledger, lease=lease, folder=folder)
        except ProcessAborted as error:
            ledger.release(ticket)
            raise _MustStop from error
        except ATTEMPT_FAILURES as error:
            failure = failure_of(error)
            tracing.fail(failure.cause_code)
            log.warning("chunk_given_back", cause_code=failure.cause_code, detail=failure.detail)
            ledger.release(ticket)
            raise _CannotHelp from error
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
        source = self._source(ticket, wanted, ledger=ledger, lease=lease)
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

    def _source(
        self, ticket: ChunkTicket, wanted: HelpWanted, *, ledger: TableLedger, lease: LeaseKeeper
    ) -> Source | None:
        """Return the job's source if this worker plans it as the job's own worker does."""
        known = self._sources.get(wanted.job.job_id)
        if known is not None and known.digest == wanted.job.plan_digest:
            return known
        self._sources.clear()

        def on_probed() -> None:
            ledger.moved(ticket)
            lease.report(stage="verifying", percent=1.0)

        for source in self.workshop.open(wanted.job, on_probed=on_probed):
            if source.digest == wanted.job.plan_digest:
                self._sources[wanted.job.job_id] = source
                return source
        # It may have changed while we looked. Then the chunk is gone, and the job wants help as much as before.
        ledger.moved(ticket)
        ledger.renew()
        log.warning("plan_differs", job_id=str(wanted.job.job_id))
        return None
