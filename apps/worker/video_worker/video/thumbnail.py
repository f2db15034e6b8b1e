"""A picture for the list: not black, if the video has any frame that is not."""

from pathlib import Path

from libs.media.ffmpeg import EncodeFailed, Ffmpeg
from libs.media.process import Watch

THUMBNAIL_NAME = "thumbnail.jpg"
THUMBNAIL_WIDTH = 640
# Mean luma of video black is 16; titles on black reach about 20.
DARKEST_MEAN_LUMA = 28
LOOK_AT_SECONDS = 60.0


def make_thumbnail(*, media: Path, duration_seconds: float, folder: Path, ffmpeg: Ffmpeg, watch: Watch) -> Path:
    """
    Write `thumbnail.jpg` from an encoded rendition: from a tenth in, else from the start, else whatever there is.

    Raises:
        EncodeFailed, ProcessStopped: As `Ffmpeg.run` says.
    """
    target = folder / THUMBNAIL_NAME
    bright = f"signalstats,metadata=select:key=lavfi.signalstats.YAVG:value={DARKEST_MEAN_LUMA}:function=greater,"
    tries = ((duration_seconds / 10, bright), (0.0, bright), (0.0, ""))
    for start_seconds, selection in tries:
        if _try(media, target=target, start_seconds=start_seconds, selection=selection, ffmpeg=ffmpeg, watch=watch):
            return target
    raise EncodeFailed(cause_code="OUTPUT_VERIFY_FAILED", detail="no frame for the thumbnail", is_files_fault=False)


def _try(media: Path, *, target: Path, start_seconds: float, selection: str, ffmpeg: Ffmpeg, watch: Watch) -> bool:
    target.unlink(missing_ok=True)
    try:
        ffmpeg.run(
            [
                "-ss", f"{start_seconds:.3f}",
                "-t", f"{LOOK_AT_SECONDS:g}",
                "-i", str(media),
                "-vf", f"{selection}thumbnail=30,scale='min({THUMBNAIL_WIDTH},iw)':-2",
                "-frames:v", "1",
                "-q:v", "4",
                "-update", "1",
                str(target),
            ],
            watch=watch,
            cwd=target.parent,
        )  # fmt: skip
    except EncodeFailed:
        # No frame passed the selection: ffmpeg calls an empty output an error in some versions and not in others.
        return False
    return target.exists() and target.stat().st_size > 0
