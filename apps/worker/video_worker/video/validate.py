"""What must be true of a package before it is shown as ready."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from apps.support.video.domain.chunks import TrackPart
from libs.media.facts import MediaFacts
from libs.media.ffmpeg import EncodeFailed

from .planner import EncodePlan

Tracks = Mapping[str, Sequence[TrackPart]]

# Containers round, encoders prime: a frame or two, and for long files one part in a hundred.
TOLERANCE_SECONDS = 1.0
TOLERANCE_RATIO = 0.02
# Between two parts of one rendition. Where a border is not a frame's time, as in Matroska, the next frame may be late.
LONGEST_GAP_SECONDS = 2.0
LONGEST_OVERLAP_SECONDS = 0.1


def validate_package(tracks: Tracks, *, plan: EncodePlan, facts: MediaFacts) -> float:
    """
    Check the package against its plan and source, and return its duration in seconds.

    Args:
        tracks: All parts by rendition, in the order in which they play.

    Raises:
        EncodeFailed: OUTPUT_VERIFY_FAILED when it is ours, INPUT_TRUNCATED or INPUT_MALFORMED when it is the file.
    """
    pictures = {rendition.name: tracks.get(rendition.name, ()) for rendition in plan.renditions}
    for name, parts in tracks.items():
        _check_joints(name, parts)
    if not all(pictures.values()) or not any(tracks.values()):
        raise EncodeFailed(cause_code="INPUT_MALFORMED", detail="nothing could be decoded", is_files_fault=True)
    ends = [parts[-1].end_seconds for parts in pictures.values()] or [0.0]
    longest = max(parts[-1].end_seconds for parts in tracks.values() if parts)
    _check_against_source(min(ends), longest, facts=facts)
    if max(ends) - min(ends) > TOLERANCE_SECONDS:
        raise output_failure(f"renditions differ in duration: {ends}")
    return longest


def _check_joints(name: str, parts: Sequence[TrackPart]) -> None:
    for earlier, later in pairwise(parts):
        gap = later.start_seconds - earlier.end_seconds
        if not -LONGEST_OVERLAP_SECONDS <= gap <= LONGEST_GAP_SECONDS:
            raise output_failure(f"{name}: {earlier.end_seconds:.3f} s is followed by {later.start_seconds:.3f} s")


def _check_against_source(picture_seconds: float, longest_seconds: float, *, facts: MediaFacts) -> None:
    own = facts.video.duration_seconds if facts.video is not None else None
    for found, expected in ((picture_seconds, own), (longest_seconds, facts.duration_seconds)):
        if expected is not None and expected - found > max(TOLERANCE_SECONDS, expected * TOLERANCE_RATIO):
            detail = f"{found:.1f} of {expected:.1f} s could be decoded"
            raise EncodeFailed(cause_code="INPUT_TRUNCATED", detail=detail, is_files_fault=True)


def output_failure(detail: str) -> EncodeFailed:
    """Return the failure of a package that is not what was planned."""
    return EncodeFailed(cause_code="OUTPUT_VERIFY_FAILED", detail=detail, is_files_fault=False)
