"""What must be true of a package before anybody may see it."""

from pathlib import Path

from libs.media.facts import MediaFacts
from libs.media.ffmpeg import EncodeFailed, source_failed

from .packager import MediaPlaylist, read_playlist
from .planner import EncodePlan
from .transcoder import AUDIO_FOLDER, MEDIA_NAME

# Containers round, encoders prime: a frame or two, and for long files one part in a hundred.
TOLERANCE_SECONDS = 1.0
TOLERANCE_RATIO = 0.02


def validate_package(folder: Path, *, plan: EncodePlan, facts: MediaFacts, stderr: str) -> float:
    """
    Check the package against its plan and source, and return its duration in seconds.

    Args:
        stderr: What the encoder said, to tell a cut source from a cut connection.

    Raises:
        EncodeFailed: OUTPUT_VERIFY_FAILED or STORAGE_UNAVAILABLE when it is ours, INPUT_TRUNCATED or
            INPUT_MALFORMED when it is the file.
    """
    playlists = {rendition.name: _checked(folder / rendition.name) for rendition in plan.renditions}
    if plan.has_audio:
        _checked(folder / AUDIO_FOLDER, may_be_empty=True)
    durations = [playlist.duration_seconds for playlist in playlists.values()]
    if max(durations) - min(durations) > TOLERANCE_SECONDS:
        raise _output_failure(f"renditions differ in duration: {durations}")
    _check_against_source(min(durations), facts=facts, stderr=stderr)
    return max(durations)


def _checked(folder: Path, *, may_be_empty: bool = False) -> MediaPlaylist:
    playlist = read_playlist(folder)
    size_bytes = (folder / MEDIA_NAME).stat().st_size
    if not playlist.is_complete:
        raise _output_failure(f"{folder.name}: the playlist has no end")
    if not playlist.segments and not may_be_empty:
        raise EncodeFailed(cause_code="INPUT_MALFORMED", detail="no frame could be decoded", is_files_fault=True)
    if any(segment.offset + segment.size_bytes > size_bytes for segment in playlist.segments):
        raise _output_failure(f"{folder.name}: a segment lies beyond the file's end")
    return playlist


def _check_against_source(duration_seconds: float, *, facts: MediaFacts, stderr: str) -> None:
    if facts.duration_seconds is None:
        return
    missing = facts.duration_seconds - duration_seconds
    if missing <= max(TOLERANCE_SECONDS, facts.duration_seconds * TOLERANCE_RATIO):
        return
    detail = f"{duration_seconds:.1f} of {facts.duration_seconds:.1f} s could be decoded"
    if source_failed(stderr):
        raise EncodeFailed(cause_code="STORAGE_UNAVAILABLE", detail=f"{detail}: {stderr[-300:]}", is_files_fault=False)
    raise EncodeFailed(cause_code="INPUT_TRUNCATED", detail=detail, is_files_fault=True)


def _output_failure(detail: str) -> EncodeFailed:
    return EncodeFailed(cause_code="OUTPUT_VERIFY_FAILED", detail=detail, is_files_fault=False)
