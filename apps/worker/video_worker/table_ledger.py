"""The ledger in the database."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import connection

from apps.support.video.domain.chunks import ChunkKind, ChunkStatus, ClaimedChunk, JobPlan, TrackPart
from apps.support.video.domain.contracts import ClaimedJob
from apps.support.video.domain.errors import LeaseLost
from apps.support.video.services import chunks
from libs.clock import Clock
from libs.db.clock import DatabaseClock

from .database import persistently
from .video.ledger import ChunkTicket

Answer = TypeVar("Answer")

DATABASE_CLOCK = DatabaseClock()


@dataclass(slots=True)
class _Held:
    """A chunk that this worker is doing."""

    claim: ClaimedChunk
    done_seconds: float = 0.0
    has_moved: bool = False


class TableLedger:
    """
    The ledger in the database, for one worker and one job. Thread-safe.

    `renew` is called from the lease's thread; everything else from the threads that do the work.
    """

    def __init__(self, job: ClaimedJob, *, worker_id: str, lease_seconds: float, clock: Clock = DATABASE_CLOCK) -> None:
        self._job = job
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._owner = threading.get_ident()
        self._lock = threading.Lock()
        self._held: dict[int, _Held] = {}

    def open(self, plan: JobPlan) -> None:
        self._write(lambda: chunks.enter_plan(claim=self._job, plan=plan, clock=self._clock))

    def claim(self, kinds: Collection[ChunkKind]) -> ChunkTicket | None:
        claim = self._write(
            lambda: chunks.claim_chunk(
                tenant_id=self._job.tenant_id,
                job_id=self._job.job_id,
                kinds=kinds,
                worker_id=self._worker_id,
                lease_seconds=self._lease_seconds,
                clock=self._clock,
            )
        )
        return None if claim is None else self.hold(claim)

    def hold(self, claim: ClaimedChunk) -> ChunkTicket:
        """Return the ticket of a chunk that was claimed elsewhere, and renew its lease from now on."""
        with self._lock:
            self._held[claim.chunk_id] = _Held(claim)
        chunk = claim.chunk
        stem = f"{self._job.output_prefix}{chunk.kind}-{chunk.number:04d}-{claim.attempt}"
        return ChunkTicket(chunk=chunk, stem=stem, claim=claim)

    def moved(self, ticket: ChunkTicket, seconds: float | None = None) -> None:
        with self._lock:
            held = self._held.get(ticket.claim.chunk_id)
            if held is not None:
                held.has_moved = True
                held.done_seconds = max(held.done_seconds, seconds or 0.0)

    def renew(self) -> None:
        """
        Renew the leases of the chunks that have moved since the last time.

        Raises:
            LeaseLost: One of them is another's.
        """
        with self._lock:
            moved = [held for held in self._held.values() if held.has_moved]
            for held in moved:
                held.has_moved = False
        for held in moved:
            self._renew(held)

    def _renew(self, held: "_Held") -> None:
        try:
            chunks.renew_chunk(
                claim=held.claim,
                done_seconds=held.done_seconds,
                lease_seconds=self._lease_seconds,
                clock=self._clock,
            )
        except LeaseLost:
            with self._lock:
                is_held = self._held.get(held.claim.chunk_id) is held
            # It may have been finished or given back in this moment.
            if is_held:
                raise

    def record(self, ticket: ChunkTicket, part: TrackPart) -> None:
        self._write(lambda: chunks.record_part(claim=ticket.claim, part=part))

    def finish(self, ticket: ChunkTicket, *, parts: Sequence[TrackPart], said: str) -> None:
        self._drop(ticket)
        self._write(lambda: chunks.finish_chunk(claim=ticket.claim, parts=parts, said=said, clock=self._clock))

    def release(self, ticket: ChunkTicket) -> None:
        self._drop(ticket)
        self._write(lambda: chunks.release_chunk(claim=ticket.claim, clock=self._clock))

    def discard(self) -> None:
        self._write(lambda: chunks.discard_plan(claim=self._job))

    def statuses(self) -> list[ChunkStatus]:
        return self._write(lambda: chunks.chunk_statuses(tenant_id=self._job.tenant_id, job_id=self._job.job_id))

    def parts(self) -> tuple[TrackPart, ...]:
        return self._write(lambda: chunks.parts_of_job(tenant_id=self._job.tenant_id, job_id=self._job.job_id))

    def _drop(self, ticket: ChunkTicket) -> None:
        with self._lock:
            self._held.pop(ticket.claim.chunk_id, None)

    def _write(self, call: Callable[[], Answer]) -> Answer:
        try:
            return persistently(call)
        finally:
            if threading.get_ident() != self._owner:
                # Threads that do the work come and go, and would take their connection along.
                connection.close()
