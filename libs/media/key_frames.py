"""What a file's own index says of its key frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFrameIndex:
    """
    Presentation times in seconds, in order, as ffmpeg reports them.

    `frames` are those of all frames, and empty where only key frames are known. `is_plain`: samples may be copied as
    they are; an edit list, if there is one, does nothing but set the start.
    """

    key_frames: tuple[float, ...]
    frames: Sequence[float] = ()
    is_plain: bool

    def longest_gap_seconds(self, *, end_seconds: float) -> float:
        """Return the longest time between two key frames, or the last and the end."""
        borders = [*self.key_frames, end_seconds]
        return max((later - earlier for earlier, later in pairwise(borders)), default=0.0)
