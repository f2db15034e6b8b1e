"""What will be done with a source, decided before any of it is done."""

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from apps.support.video.domain.chunks import AUDIO_RENDITION, Chunk, ChunkKind, JobPlan, Variant
from apps.support.video.domain.contracts import EncodingChoices
from libs.media.facts import AudioStreamFacts, MediaFacts, VideoStreamFacts
from libs.media.key_frames import KeyFrameIndex

from .ladder import Rendition, ceiling_bits_per_second, kept_frame_rate, renditions_for, rung_for

# Finished chunks of another version are not taken over: their joints, settings or names may differ.
PLAN_VERSION = 3
EVERYONES_CHOICES = EncodingChoices()

SEGMENT_SECONDS = 4.0
# A copied segment is as long as its key frames let it be; players start by whole segments.
LONGEST_KEY_FRAME_GAP_SECONDS = 6.5
# Above this a copy would cost viewers more than an encode costs us.
COPY_RATE_FACTOR = 3.0
COPYABLE_PROFILES = frozenset({"Constrained Baseline", "Baseline", "Main", "High"})
COPYABLE_LEVEL = 51
COPYABLE_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})
COPYABLE_SAMPLE_RATES = frozenset({32_000, 44_100, 48_000})

# Up to here one process does all: starting more would cost longer than it saves.
LONGEST_WHOLE_SECONDS = 45.0
# The first chunks are short, so that there is something to watch soon.
FIRST_CHUNKS_SECONDS = (8.0, 16.0, 32.0)
SHORTEST_CHUNK_SECONDS, LONGEST_CHUNK_SECONDS = 60.0, 120.0
# An hour is at most a hundred objects: half of them may be chunks.
CHUNKS_PER_SOURCE = 50
# A clock may leap by years: what does not say how long it is ends here, everything else where it says.
LONGEST_UNKNOWN_SECONDS = 12 * 3600.0
# What is copied starts when the whole does, or players find nothing to show there. What is encoded is made to.
LATEST_COPY_START_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodePlan:
    """
    Renditions, chunks and sound of one job. Chunks stand in the order in which they should be done.

    Times of chunks are on the timeline of the output, which starts at `origin_seconds` of the source.
    """

    choices: EncodingChoices
    renditions: tuple[Rendition, ...]
    chunks: tuple[Chunk, ...]
    has_audio: bool
    copies_audio: bool
    halves_frame_rate: bool
    origin_seconds: float
    first_picture_seconds: float
    last_picture_seconds: float | None
    last_picture_ends_seconds: float | None
    duration_seconds: float | None
    longest_seconds: float
    key_frames_apart_seconds: float | None

    @property
    def encoded(self) -> tuple[Rendition, ...]:
        """The renditions that are not copied, largest first."""
        return tuple(rendition for rendition in self.renditions if not rendition.is_copy)

    @property
    def is_short(self) -> bool:
        """Tell whether all renditions of the whole have room on a worker's disk."""
        return self.duration_seconds is not None and self.duration_seconds <= LONGEST_WHOLE_SECONDS

    @property
    def copies(self) -> bool:
        """Tell whether the source's own pictures are a rendition."""
        return len(self.encoded) < len(self.renditions)


def plan_encode(
    facts: MediaFacts,
    *,
    index: KeyFrameIndex | None = None,
    may_copy: bool = True,
    choices: EncodingChoices = EVERYONES_CHOICES,
) -> EncodePlan:
    """
    Plan the encode of a source that verification has let pass.

    Args:
        index: When the source's key frames are shown, where that is known.
        may_copy: Whether the source's own pictures may be a rendition.
        choices: What its tenant wants.

    A source without a picture has no renditions, only sound.
    """
    picture = facts.video
    highest = choices.highest_short_side
    copies = may_copy and can_copy_video(facts, index=index, highest_short_side=highest)
    renditions = renditions_for(picture, copy=copies, highest_short_side=highest) if picture is not None else ()
    rate = picture.frames_per_second if picture is not None else 0.0
    return EncodePlan(
        choices=choices,
        renditions=renditions,
        chunks=_chunks(facts, renditions=renditions, index=index),
        has_audio=facts.audio is not None,
        copies_audio=may_copy and not choices.evens_loudness and can_copy_audio(facts),
        halves_frame_rate=any(rendition.frames_per_second < rate for rendition in renditions),
        origin_seconds=facts.start_seconds,
        first_picture_seconds=max(0.0, picture.start_seconds - facts.start_seconds) if picture is not None else 0.0,
        last_picture_seconds=index.frames[-1] - facts.start_seconds if index is not None and index.frames else None,
        last_picture_ends_seconds=_picture_end_seconds(facts),
        duration_seconds=facts.duration_seconds,
        longest_seconds=LONGEST_UNKNOWN_SECONDS if facts.duration_seconds is None else facts.duration_seconds + 2.0,
        key_frames_apart_seconds=_gap_seconds(facts, index),
    )


def job_plan(plan: EncodePlan, *, etag: str | None) -> JobPlan:
    """Return what the job's table and playlists need of a plan. The digest names all that its chunks depend on."""
    audio = {AUDIO_RENDITION: SEGMENT_SECONDS} if plan.has_audio else {}
    pictures = {
        rendition.name: SEGMENT_SECONDS + LONGEST_KEY_FRAME_GAP_SECONDS if rendition.is_copy else SEGMENT_SECONDS
        for rendition in plan.renditions
    }
    return JobPlan(
        digest=hashlib.sha256(f"{PLAN_VERSION} {etag} {plan!r}".encode()).hexdigest(),
        variants=tuple(
            Variant(
                name=rendition.name,
                width=rendition.width,
                height=rendition.height,
                frames_per_second=rendition.frames_per_second,
                is_copy=rendition.is_copy,
            )
            for rendition in plan.renditions
        ),
        target_seconds={**pictures, **audio},
        has_audio=plan.has_audio,
        duration_seconds=plan.duration_seconds,
        chunks=plan.chunks,
    )


def can_copy_video(facts: MediaFacts, *, index: KeyFrameIndex | None, highest_short_side: int) -> bool:
    """Tell whether every browser plays the source's own pictures, and can start them every few seconds."""
    picture, gap = facts.video, _gap_seconds(facts, index)
    if picture is None or min(picture.width, picture.height) > highest_short_side:
        return False
    if index is None or gap is None or not index.is_plain or not index.key_frames:
        return False
    starts_clean = abs(index.key_frames[0] - picture.start_seconds) < 0.001 and _starts_at_once(picture, facts)
    return starts_clean and gap <= LONGEST_KEY_FRAME_GAP_SECONDS and _plays_everywhere(picture, facts.bit_rate)


def can_copy_audio(facts: MediaFacts) -> bool:
    """Tell whether every browser plays the source's own sound. Other containers than MP4 round each packet's time."""
    sound = facts.audio
    if sound is None or facts.fragmented or not facts.container.startswith("mov"):
        return False
    is_low_complexity = sound.codec == "aac" and sound.profile == "LC"
    is_plain = is_low_complexity and sound.channels in {1, 2} and sound.sample_rate in COPYABLE_SAMPLE_RATES
    return is_plain and _starts_at_once(sound, facts)


def _starts_at_once(stream: VideoStreamFacts | AudioStreamFacts, facts: MediaFacts) -> bool:
    return stream.start_seconds - facts.start_seconds <= LATEST_COPY_START_SECONDS


def _plays_everywhere(picture: VideoStreamFacts, container_bit_rate: int) -> bool:
    is_plain_h264 = (
        picture.codec == "h264"
        and picture.profile in COPYABLE_PROFILES
        and picture.pixel_format in COPYABLE_PIXEL_FORMATS
        and 0 < picture.level <= COPYABLE_LEVEL
    )
    is_shown_as_coded = picture.rotation_degrees == 0 and picture.has_square_pixels and not picture.is_interlaced
    is_even = picture.width % 2 == 0 and picture.height % 2 == 0
    rung = rung_for(picture)
    rate = picture.bit_rate or container_bit_rate
    ceiling = COPY_RATE_FACTOR * ceiling_bits_per_second(rung, frames_per_second=picture.frames_per_second)
    return (
        is_plain_h264
        and is_shown_as_coded
        and is_even
        and not picture.is_hdr
        and picture.frames_per_second <= 61
        and 0 < rate <= ceiling
    )


def _picture_end_seconds(facts: MediaFacts) -> float | None:
    picture, whole = facts.video, facts.duration_seconds
    if picture is None or picture.duration_seconds is None or whole is None:
        return whole
    return min(whole, picture.start_seconds - facts.start_seconds + picture.duration_seconds)


def _gap_seconds(facts: MediaFacts, index: KeyFrameIndex | None) -> float | None:
    if index is None or facts.duration_seconds is None:
        return None
    return index.longest_gap_seconds(end_seconds=facts.start_seconds + facts.duration_seconds)


def _chunks(facts: MediaFacts, *, renditions: tuple[Rendition, ...], index: KeyFrameIndex | None) -> tuple[Chunk, ...]:
    copied = [rendition.name for rendition in renditions if rendition.is_copy]
    encoded = tuple(rendition.name for rendition in renditions if not rendition.is_copy)
    borders = chunk_borders(facts, index=index) if encoded else ()
    alone = len(borders) == 1 and not copied
    passes: list[tuple[ChunkKind, tuple[str, ...]]] = []
    if copied:
        passes.append((ChunkKind.COPY, tuple(copied)))
    if facts.audio is not None and not alone:
        passes.append((ChunkKind.AUDIO, (AUDIO_RENDITION,)))
    if alone and facts.audio is not None:
        encoded = (*encoded, AUDIO_RENDITION)
    whole = [
        Chunk(number=0, kind=kind, start_seconds=0.0, end_seconds=None, renditions=names) for kind, names in passes
    ]
    ends = [*borders[1:], None]
    stretches = [
        Chunk(number=number, kind=ChunkKind.VIDEO, start_seconds=start, end_seconds=end, renditions=encoded)
        for number, (start, end) in enumerate(zip(borders, ends, strict=False))
    ]
    return (*whole, *stretches)


def chunk_borders(facts: MediaFacts, *, index: KeyFrameIndex | None) -> tuple[float, ...]:
    """
    Return where chunks start, on the output's timeline: at key frames, or at another frame where those are too rare.

    Frames belong to the chunk in whose half-open interval they are shown, and the last is shown until the next chunk's
    first: a border that is a frame's own time is exact. A key frame's is the cheapest, because decoding starts there.
    """
    duration = facts.duration_seconds
    if duration is None or duration <= LONGEST_WHOLE_SECONDS or index is None or not index.key_frames:
        return (0.0,)
    rate = facts.video.frames_per_second if facts.video is not None else 0.0
    halved = kept_frame_rate(rate) if kept_frame_rate(rate) < rate else None
    usual = min(LONGEST_CHUNK_SECONDS, max(SHORTEST_CHUNK_SECONDS, duration / CHUNKS_PER_SOURCE))
    lengths = iter(FIRST_CHUNKS_SECONDS)
    borders = [0.0]
    while True:
        wanted = borders[-1] + min(usual, next(lengths, usual))
        # A last chunk that is shorter than half of one is no work for a worker of its own.
        latest = duration - min(usual, wanted - borders[-1]) / 2
        # Dropped frames are chosen on the grid of the lower rate: a border off the grid would choose one twice.
        place = wanted if halved else _frame_near(index, wanted, after=borders[-1], origin=facts.start_seconds)
        if place is None or max(place, wanted) > latest:
            return tuple(borders)
        borders.append(round(round(place * halved) / halved if halved else place, 6))


def _frame_near(index: KeyFrameIndex, wanted: float, *, after: float, origin: float) -> float | None:
    """Return the time of the nearest key frame, or of another frame when it is too far; None: there is none."""
    nearest = _nearest(index.key_frames, wanted + origin) - origin
    if abs(nearest - wanted) <= (wanted - after) / 3:
        return nearest
    known = index.frames or index.key_frames
    place = bisect_left(known, wanted + origin)
    return known[place] - origin if place < len(known) else None


def _nearest(times: Sequence[float], wanted: float) -> float:
    place = bisect_left(times, wanted)
    return min(times[max(0, place - 1) : place + 1], key=lambda time: abs(time - wanted))
