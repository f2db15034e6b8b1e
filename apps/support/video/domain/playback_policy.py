"""What a video asks of the player that shows it."""

from dataclasses import dataclass

SLOWEST_LIMIT = 1.0
FASTEST_LIMIT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackPolicy:
    """Rules that players follow. They guide whoever learns; what may be fetched is the playback token's matter."""

    allow_skip: bool = True
    """Whether viewers may jump to what they have not watched yet."""
    max_speed: float = FASTEST_LIMIT
    """The fastest playback rate, `SLOWEST_LIMIT` to `FASTEST_LIMIT`; 1 is the speed at which it was recorded."""
    watermark: bool = False
    """Whether the viewer's name is shown over the picture."""


DEFAULT_POLICY = PlaybackPolicy()
