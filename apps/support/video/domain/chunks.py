"""What encoding has written so far, as playlists need it: objects, and the byte ranges in them that are segments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any
from uuid import UUID

AUDIO_RENDITION = "audio"
# A joint may be as wide as the longest frame: screen recordings show one for seconds. A missing chunk is longer.
LONGEST_HOLE_SECONDS = 3.0


class ChunkState(StrEnum):
    """What a chunk of a job is waiting for."""

    WAITING = "WAITING"  # a worker: the job's own, or one that helps
    RUNNING = "RUNNING"  # its worker's lease; one that has run out is as good as WAITING
    DONE = "DONE"  # final, unless the plan changes
    FAILED = "FAILED"  # the job's own worker ends the attempt with the chunk's cause


class ChunkKind(StrEnum):
    """What a chunk holds."""

    COPY = "copy"  # the source's own pictures, in one pass
    AUDIO = "audio"  # the sound, in one pass
    VIDEO = "video"  # a stretch of all encoded renditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """
    A piece of work that one process does.

    Times are on the output's timeline; `end_seconds` None is the source's end. `number` counts within the kind.
    """

    kind: ChunkKind
    number: int
    start_seconds: float
    end_seconds: float | None
    renditions: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Tell whether it is the source from start to end."""
        return self.number == 0 and self.end_seconds is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedChunk:
    """A chunk as its worker sees it. `attempt` is the chunk's own fence; every later write names it."""

    chunk_id: int
    tenant_id: int
    job_id: UUID
    attempt: int
    chunk: Chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkStatus:
    """How far a chunk has come."""

    chunk_id: int
    chunk: Chunk
    state: ChunkState
    done_seconds: float
    loss_count: int
    """How many workers have gone silent on it. That is the only way in which a chunk is FAILED."""
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A rendition with a picture, as the master playlist names it. `is_copy`: the source's own pictures."""

    name: str
    width: int
    height: int
    frames_per_second: float
    is_copy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """
    What a job makes. Finished chunks are good for every attempt whose plan has the same digest.

    `target_seconds` says of each rendition how long its segments are at most, as planned.
    """

    digest: str
    variants: tuple[Variant, ...]
    target_seconds: Mapping[str, float]
    has_audio: bool
    duration_seconds: float | None
    chunks: tuple[Chunk, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all but the chunks, which have rows of their own."""
        fields = asdict(self)
        del fields["chunks"]
        return fields


def plan_from_json(fields: Mapping[str, Any]) -> JobPlan:
    """Return what `JobPlan.to_json` has written, without chunks."""
    variants = tuple(Variant(**variant) for variant in fields["variants"])
    return JobPlan(**{**fields, "variants": variants, "chunks": ()})


@dataclass(frozen=True, slots=True, kw_only=True)
class InitSpan:
    """Where a rendition's initialisation section lies. Two with one digest are the same bytes."""

    key: str
    offset: int
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment: a byte range of its part's object."""

    duration_seconds: float
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPart:
    """
    Some segments of one rendition in a row, all in one object.

    `start_seconds` is on the timeline that all renditions share; `codec` is the RFC 6381 name.
    """

    rendition: str
    key: str
    codec: str
    start_seconds: float
    frame_count: int
    init: InitSpan
    segments: tuple[Segment, ...]

    @property
    def duration_seconds(self) -> float:
        return sum(segment.duration_seconds for segment in self.segments)

    @property
    def end_seconds(self) -> float:
        return self.start_seconds + self.duration_seconds

    @property
    def size_bytes(self) -> int:
        """Length of all segments, without the initialisation section."""
        return sum(segment.size_bytes for segment in self.segments)

    def to_json(self) -> dict[str, Any]:
        """Return what `part_from_json` reads again."""
        return asdict(self)


def part_from_json(fields: Mapping[str, Any]) -> TrackPart:
    """Return the part that `TrackPart.to_json` has written."""
    return TrackPart(
        **{
            **fields,
            "init": InitSpan(**fields["init"]),
            "segments": tuple(Segment(**segment) for segment in fields["segments"]),
        }
    )


def parts_by_rendition(parts: Iterable[TrackPart]) -> dict[str, tuple[TrackPart, ...]]:
    """Return each rendition's parts in the order in which they play."""
    ordered = sorted(parts, key=lambda part: (part.rendition, part.start_seconds))
    return {name: tuple(group) for name, group in groupby(ordered, key=lambda part: part.rendition)}


def playable_parts(parts: Sequence[TrackPart]) -> tuple[TrackPart, ...]:
    """Return the parts, in order, that can be watched from the start without a hole."""
    playable: list[TrackPart] = []
    end = 0.0
    for part in parts:
        if part.start_seconds - end > LONGEST_HOLE_SECONDS:
            break
        playable.append(part)
        end = part.end_seconds
    return tuple(playable)


def playable_until(tracks: Mapping[str, Sequence[TrackPart]], *, plan: JobPlan, is_sound_done: bool) -> float:
    """Return how far, in seconds, what there is of picture and sound can be watched in one rendition at least."""
    if not plan.variants:
        return _end_of(playable_parts(tracks.get(AUDIO_RENDITION, ())))
    pictures = [_end_of(playable_parts(tracks.get(variant.name, ()))) for variant in plan.variants]
    picture = max(pictures, default=0.0)
    if not plan.has_audio or is_sound_done:
        return picture
    return min(picture, _end_of(playable_parts(tracks.get(AUDIO_RENDITION, ()))))


def _end_of(parts: Sequence[TrackPart]) -> float:
    return parts[-1].end_seconds if parts else 0.0
