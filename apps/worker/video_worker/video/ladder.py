"""Which renditions a source gets."""

from dataclasses import dataclass

from libs.media.facts import VideoStreamFacts

HIGHEST_FRAME_RATE = 60.0
# A rung is given for up to 30 frames a second; more cost more, but not twice as much: most of a frame repeats.
USUAL_FRAME_RATE = 30.0
FRAME_RATE_EXPONENT = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A step of the ladder, named by its short side, with the bit rate that it never exceeds for long."""

    name: str
    short_side: int
    max_bits_per_second: int
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One picture size. Both sides are even, as 4:2:0 needs. `is_copy`: the source's own pictures, not encoded."""

    name: str
    width: int
    height: int
    frames_per_second: float
    max_bits_per_second: int
    profile: str
    is_copy: bool = False


LADDER = (
    Rung(name="1080p", short_side=1080, max_bits_per_second=5_000_000, profile="high"),
    Rung(name="720p", short_side=720, max_bits_per_second=2_800_000, profile="high"),
    Rung(name="480p", short_side=480, max_bits_per_second=1_400_000, profile="high"),
    Rung(name="360p", short_side=360, max_bits_per_second=800_000, profile="main"),
    Rung(name="240p", short_side=240, max_bits_per_second=400_000, profile="main"),
)


def renditions_for(
    picture: VideoStreamFacts, *, copy: bool = False, highest_short_side: int = LADDER[0].short_side
) -> tuple[Rendition, ...]:
    """
    Return a source's renditions, largest first. Nothing is scaled up: below the lowest rung it keeps its size.

    With `copy` the source itself is the first, and only smaller ones are encoded.
    """
    short_side = min(picture.width, picture.height)
    if copy:
        smaller = [rung for rung in LADDER if rung.short_side < short_side]
        return (_copied(picture), *(_rendition(rung, picture) for rung in smaller))
    rungs = [rung for rung in LADDER if rung.short_side <= min(short_side, highest_short_side)]
    return tuple(_rendition(rung, picture) for rung in rungs or [_below_the_ladder(short_side)])


def rung_for(picture: VideoStreamFacts) -> Rung:
    """Return the highest rung that is not above the source, or one of the source's own size below the ladder."""
    short_side = min(picture.width, picture.height)
    return next((rung for rung in LADDER if rung.short_side <= short_side), _below_the_ladder(short_side))


def ceiling_bits_per_second(rung: Rung, *, frames_per_second: float) -> int:
    """Return a rung's bit rate ceiling at a frame rate."""
    factor: float = max(1.0, frames_per_second / USUAL_FRAME_RATE) ** FRAME_RATE_EXPONENT
    return round(rung.max_bits_per_second * factor)


def kept_frame_rate(frames_per_second: float) -> float:
    """Return the source's frame rate, halved until players can keep up."""
    while frames_per_second > HIGHEST_FRAME_RATE * 1.01:
        frames_per_second /= 2
    return frames_per_second


def fitted_size(width: int, height: int, *, side: int) -> tuple[int, int]:
    """Return a size of the same shape that fits into a square, both sides even, and no larger than it was."""
    scale = min(1.0, side / max(width, height))
    return _even(width * scale), _even(height * scale)


def _below_the_ladder(short_side: int) -> Rung:
    lowest = LADDER[-1]
    return Rung(
        name=f"{short_side}p",
        short_side=short_side,
        max_bits_per_second=lowest.max_bits_per_second,
        profile=lowest.profile,
    )


def _rendition(rung: Rung, picture: VideoStreamFacts) -> Rendition:
    scale = min(1.0, rung.short_side / min(picture.width, picture.height))
    frames_per_second = kept_frame_rate(picture.frames_per_second)
    return Rendition(
        name=rung.name,
        width=_even(picture.width * scale),
        height=_even(picture.height * scale),
        frames_per_second=frames_per_second,
        max_bits_per_second=ceiling_bits_per_second(rung, frames_per_second=frames_per_second),
        profile=rung.profile,
    )


def _copied(picture: VideoStreamFacts) -> Rendition:
    return Rendition(
        name=f"{min(picture.width, picture.height)}p",
        width=picture.width,
        height=picture.height,
        frames_per_second=picture.frames_per_second,
        max_bits_per_second=picture.bit_rate,
        profile=picture.profile.lower(),
        is_copy=True,
    )


def _even(length: float) -> int:
    return max(2, 2 * int(length / 2 + 0.5))
