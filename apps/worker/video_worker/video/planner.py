"""What will be done with a source, decided before any of it is done."""

from dataclasses import dataclass

from libs.media.facts import MediaFacts

from .ladder import Rendition, renditions_for

SEGMENT_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A stretch of the source that one process encodes. `end_seconds` None is the source's end."""

    index: int
    start_seconds: float
    end_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodePlan:
    """Renditions, chunks and sound of one job."""

    renditions: tuple[Rendition, ...]
    chunks: tuple[Chunk, ...]
    has_audio: bool
    halves_frame_rate: bool


def plan_encode(facts: MediaFacts) -> EncodePlan:
    """
    Plan the encode of a source that verification has let pass. One chunk: the whole source.

    Raises:
        ValueError: There is no picture, which verification refuses.
    """
    if facts.video is None:
        raise ValueError("a source without a picture has no plan")
    renditions = renditions_for(facts.video)
    return EncodePlan(
        renditions=renditions,
        chunks=(Chunk(index=0, start_seconds=0.0, end_seconds=None),),
        has_audio=facts.audio is not None,
        halves_frame_rate=renditions[0].frames_per_second < facts.video.frames_per_second,
    )
