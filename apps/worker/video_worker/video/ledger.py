"""Which chunks of a job are done, which are being done, and which wait, as one worker sees it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from apps.support.video.domain.chunks import Chunk, ChunkKind, ChunkStatus, ClaimedChunk, JobPlan, TrackPart


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTicket:
    """The right to do a chunk. Its objects' keys start with `stem`, which no other ticket has."""

    chunk: Chunk
    stem: str
    claim: ClaimedChunk


class ChunkLedger(Protocol):
    """Hands out chunks, each to one worker at a time, and remembers what came of them. Raises `LeaseLost`."""

    def open(self, plan: JobPlan) -> None:
        """Enter a plan's chunks, or take over those that an earlier attempt has entered."""

    def claim(self, kinds: Collection[ChunkKind]) -> ChunkTicket | None:
        """Return the next chunk of one of the kinds, or None when all are taken."""

    def moved(self, ticket: ChunkTicket, seconds: float | None = None) -> None:
        """Remember that a chunk moves, and how many seconds of it are done if that is known."""

    def record(self, ticket: ChunkTicket, part: TrackPart) -> None:
        """Enter a part that is in storage, of a chunk that goes on."""

    def finish(self, ticket: ChunkTicket, *, parts: Sequence[TrackPart], said: str) -> None:
        """Enter that a chunk is done."""

    def release(self, ticket: ChunkTicket) -> None:
        """Give a chunk back, for whoever comes next."""

    def discard(self) -> None:
        """Forget all chunks, because what they have written is gone."""

    def statuses(self) -> list[ChunkStatus]:
        """Return how far all chunks have come, whoever does them."""

    def parts(self) -> tuple[TrackPart, ...]:
        """Return all parts that are in storage."""
