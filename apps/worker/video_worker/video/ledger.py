"""Which chunks of a job are done, which are being done, and which wait."""

from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from apps.support.video.domain.chunks import Chunk, ChunkKind, TrackPart

from .planner import EncodePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTicket:
    """The right to do a chunk. Its objects' keys start with `stem`, which no other ticket has."""

    chunk: Chunk
    stem: str


class ChunkLedger(Protocol):
    """Hands out chunks, each to one worker at a time, and remembers what came of them."""

    def open(self, plan: EncodePlan, *, prefix: str) -> None:
        """Enter a plan's chunks, or take over those that an earlier attempt has entered."""

    def claim(self, kinds: Collection[ChunkKind]) -> ChunkTicket | None:
        """Return the next chunk of one of the kinds, or None when all are taken."""

    def record(self, ticket: ChunkTicket, part: TrackPart) -> None:
        """Enter a part that is in storage, of a chunk that goes on."""

    def finish(self, ticket: ChunkTicket) -> None:
        """Enter that a chunk is done."""

    def parts(self) -> tuple[TrackPart, ...]:
        """Return all parts that are in storage."""


class MemoryLedger:
    """The ledger of one attempt that does everything itself."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[Chunk] = []
        self._parts: list[TrackPart] = []
        self._prefix = ""
        self._openings = 0

    def open(self, plan: EncodePlan, *, prefix: str) -> None:
        with self._lock:
            self._waiting, self._parts, self._prefix = list(plan.chunks), [], prefix
            self._openings += 1

    def claim(self, kinds: Collection[ChunkKind]) -> ChunkTicket | None:
        with self._lock:
            chunk = next((chunk for chunk in self._waiting if chunk.kind in kinds), None)
            if chunk is None:
                return None
            self._waiting.remove(chunk)
        return ChunkTicket(chunk=chunk, stem=f"{self._prefix}{chunk.kind}-{chunk.number:04d}-{self._openings}")

    def record(self, ticket: ChunkTicket, part: TrackPart) -> None:  # noqa: ARG002 - only tables need the ticket
        with self._lock:
            self._parts.append(part)

    def finish(self, ticket: ChunkTicket) -> None:
        """Nobody else could take it."""

    def parts(self) -> tuple[TrackPart, ...]:
        with self._lock:
            return tuple(self._parts)
