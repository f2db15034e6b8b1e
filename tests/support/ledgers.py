"""A ledger without a table, for tests that are about media."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from threading import Lock

from apps.support.video.domain.chunks import Chunk, ChunkKind, ChunkState, ChunkStatus, ClaimedChunk, JobPlan, TrackPart
from apps.support.video.domain.contracts import ClaimedJob
from apps.worker.video_worker.video.ledger import ChunkTicket


class MemoryLedger:
    """The ledger of one attempt that does everything itself."""

    def __init__(self, job: ClaimedJob) -> None:
        self.plan: JobPlan | None = None
        self._lock = Lock()
        self._prefix = job.output_prefix
        self._openings = 0
        self._chunks: list[Chunk] = []
        self._states: list[ChunkState] = []
        self._said: list[str] = []
        self._parts: dict[int, list[TrackPart]] = {}

    def open(self, plan: JobPlan) -> None:
        self.plan = plan
        self._openings += 1
        self._chunks = list(plan.chunks)
        self._states = [ChunkState.WAITING for _ in plan.chunks]
        self._said = ["" for _ in plan.chunks]
        self._parts = {}

    def claim(self, kinds: Collection[ChunkKind]) -> ChunkTicket | None:
        with self._lock:
            for place, chunk in enumerate(self._chunks):
                if self._states[place] is ChunkState.WAITING and chunk.kind in kinds:
                    self._states[place] = ChunkState.RUNNING
                    return self._ticket(place)
        return None

    def moved(self, ticket: ChunkTicket, seconds: float | None = None) -> None:
        """Nobody renews a lease here."""

    def record(self, ticket: ChunkTicket, part: TrackPart) -> None:
        with self._lock:
            self._parts.setdefault(ticket.claim.chunk_id, []).append(part)

    def finish(self, ticket: ChunkTicket, *, parts: Sequence[TrackPart], said: str) -> None:
        with self._lock:
            place = ticket.claim.chunk_id
            self._states[place], self._said[place], self._parts[place] = ChunkState.DONE, said, list(parts)

    def release(self, ticket: ChunkTicket) -> None:
        with self._lock:
            self._states[ticket.claim.chunk_id] = ChunkState.WAITING

    def discard(self) -> None:
        self._states = [ChunkState.WAITING for _ in self._chunks]
        self._parts = {}

    def statuses(self) -> list[ChunkStatus]:
        with self._lock:
            return [
                ChunkStatus(
                    chunk_id=place,
                    chunk=chunk,
                    state=self._states[place],
                    done_seconds=0.0,
                    loss_count=0,
                    said=self._said[place],
                )
                for place, chunk in enumerate(self._chunks)
            ]

    def parts(self) -> tuple[TrackPart, ...]:
        with self._lock:
            return tuple(part for parts in self._parts.values() for part in parts)

    def _ticket(self, place: int) -> ChunkTicket:
        chunk = self._chunks[place]
        claim = ClaimedChunk(chunk_id=place, tenant_id=1, job_id=uuid.UUID(int=0), attempt=self._openings, chunk=chunk)
        stem = f"{self._prefix}{chunk.kind}-{chunk.number:04d}-{self._openings}"
        return ChunkTicket(chunk=chunk, stem=stem, claim=claim)
