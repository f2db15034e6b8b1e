"""A picture for the list: not black, if the video has any frame that is not."""

from pathlib import Path

from libs.media.ffmpeg import REPORT_SOUND, SOURCE_CAUSES, EncodeFailed, Ffmpeg
from libs.media.ffprobe import input_options
from libs.media.process import Watch

from .colours import to_ordinary_screen
from .encoder import OnSeconds, Source
from .ladder import fitted_size

THUMBNAIL_NAME = "thumbnail.jpg"
THUMBNAIL_SIDE = 640
# Mean luma of video black is 16; titles on black reach about 20.
DARKEST_MEAN_LUMA = 28
LOOK_AT_SECONDS = 60.0
# The most representative of so many frames is taken.
CANDIDATES = 10
# All samples of a sound are held until the last has come: so many a second are enough for a picture of this width.
WAVE_SAMPLE_RATE = 2000
WAVE_REPORT_SECONDS = 10
WAVE_COLOUR, BACK_COLOUR = "0x8ab4f8", "0x1f2937"


def make_thumbnail(source: Source, *, folder: Path, ffmpeg: Ffmpeg, watch: Watch) -> bytes:
    """
    Return a JPEG of the source: from a tenth in, else from the start, else whatever there is.

    Raises:
        EncodeFailed, ProcessStopped: As `Ffmpeg.run` says.
    """
    target = folder / THUMBNAIL_NAME
    bright = f"signalstats,metadata=select:key=lavfi.signalstats.YAVG:value={DARKEST_MEAN_LUMA}:function=greater,"
    tries = ((_tenth(source), bright), (0.0, bright), (0.0, ""))
    for start_seconds, selection in tries:
        arguments = _arguments(source, target=target, start_seconds=start_seconds, selection=selection)
        try:
            ffmpeg.run(arguments, watch=watch, cwd=folder)
        except EncodeFailed as failure:
            if failure.cause_code in SOURCE_CAUSES:
                raise
            # No frame passed the selection: ffmpeg calls an empty output an error in some versions and not in others.
            continue
        if target.exists() and target.stat().st_size > 0:
            picture = target.read_bytes()
            target.unlink()
            return picture
    raise _nothing_to_show()


def make_waveform(source: Source, *, folder: Path, ffmpeg: Ffmpeg, watch: Watch, on_seconds: OnSeconds) -> bytes:
    """
    Return a JPEG of what a source without a picture sounds like, from its start to its end.

    Args:
        on_seconds: Told how much has been heard. The picture itself comes when all has.

    Raises:
        EncodeFailed, ProcessStopped: As `Ffmpeg.run` says.
    """
    sound = source.facts.audio
    if sound is None:
        raise ValueError("a source without sound has no waveform")
    target, size = folder / THUMBNAIL_NAME, f"{THUMBNAIL_SIDE}x{THUMBNAIL_SIDE * 9 // 16}"
    arguments = [
        *input_options(url=source.url, if_match_etag=source.etag),
        "-i", source.url,
        "-filter_complex",
        f"[0:{sound.index}]atrim=end={source.plan.longest_seconds:.3f},aresample={WAVE_SAMPLE_RATE},"
        f"aformat=channel_layouts=mono,asetnsamples={WAVE_SAMPLE_RATE * WAVE_REPORT_SECONDS}:pad=0,{REPORT_SOUND},"
        f"showwavespic=s={size}:colors={WAVE_COLOUR}:scale=sqrt[wave];color={BACK_COLOUR}:s={size}[back];"
        "[back][wave]overlay=shortest=1:format=auto",
        "-frames:v", "1",
        "-c:v", "mjpeg",
        "-pix_fmt", "yuvj420p",
        "-q:v", "4",
        "-f", "image2",
        "-update", "1",
        str(target),
    ]  # fmt: skip
    ffmpeg.run(
        arguments, watch=watch, cwd=folder, on_frames=lambda count: on_seconds(float(count * WAVE_REPORT_SECONDS))
    )
    if not target.exists():
        raise _nothing_to_show()
    return target.read_bytes()


def _nothing_to_show() -> EncodeFailed:
    return EncodeFailed(cause_code="OUTPUT_VERIFY_FAILED", detail="no picture for the thumbnail", is_files_fault=False)


def _tenth(source: Source) -> float:
    return (source.facts.duration_seconds or 0.0) / 10


def _arguments(source: Source, *, target: Path, start_seconds: float, selection: str) -> list[str]:
    picture = source.facts.video
    if picture is None:
        raise ValueError("a source without a picture has no thumbnail")
    width, height = fitted_size(picture.width, picture.height, side=THUMBNAIL_SIDE)
    scale = f"scale={width}:{height}{to_ordinary_screen(picture)}"
    seek = ["-ss", f"{start_seconds:.3f}"] if start_seconds > 1 else []
    return [
        *input_options(url=source.url, if_match_etag=source.etag),
        *seek,
        "-t", f"{LOOK_AT_SECONDS:g}",
        "-skip_frame", "noref",
        "-i", source.url,
        "-map", f"0:{picture.index}",
        "-vf", f"{selection}thumbnail={CANDIDATES},{scale},setsar=1",
        "-frames:v", "1",
        "-c:v", "mjpeg",
        "-pix_fmt", "yuvj420p",
        "-q:v", "4",
        "-f", "image2",
        "-update", "1",
        str(target),
    ]  # fmt: skip
