"""Which renditions a source gets."""

from dataclasses import dataclass

from libs.media.facts import VideoStreamFacts

HIGHEST_FRAME_RATE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A step of the ladder, named by its short side, with the bit rate that it never exceeds for long."""

    name: str
    short_side: int
    max_bits_per_second: int
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One encoded picture size. Both sides are even, as 4:2:0 needs."""

    name: str
    width: int
    height: int
    frames_per_second: float
    max_bits_per_second: int
    profile: str


LADDER = (
    Rung(name="720p", short_side=720, max_bits_per_second=2_800_000, profile="high"),
    Rung(name="360p", short_side=360, max_bits_per_second=800_000, profile="main"),
)


def renditions_for(picture: VideoStreamFacts) -> tuple[Rendition, ...]:
    """Return a source's renditions, largest first. Nothing is scaled up: below the lowest rung it keeps its size."""
    short_side = min(picture.width, picture.height)
    rungs = [rung for rung in LADDER if rung.short_side <= short_side]
    if not rungs:
        lowest = LADDER[-1]
        rungs = [
            Rung(
                name=f"{short_side}p",
                short_side=short_side,
                max_bits_per_second=lowest.max_bits_per_second,
                profile=lowest.profile,
            )
        ]
    return tuple(_rendition(rung, picture) for rung in rungs)


def _rendition(rung: Rung, picture: VideoStreamFacts) -> Rendition:
    scale = min(1.0, rung.short_side / min(picture.width, picture.height))
    return Rendition(
        name=rung.name,
        width=_even(picture.width * scale),
        height=_even(picture.height * scale),
        frames_per_second=kept_frame_rate(picture.frames_per_second),
        max_bits_per_second=rung.max_bits_per_second,
        profile=rung.profile,
    )


def kept_frame_rate(frames_per_second: float) -> float:
    """Return the source's frame rate, halved until players can keep up."""
    while frames_per_second > HIGHEST_FRAME_RATE * 1.01:
        frames_per_second /= 2
    return frames_per_second


def _even(length: float) -> int:
    return max(2, 2 * int(length / 2 + 0.5))
