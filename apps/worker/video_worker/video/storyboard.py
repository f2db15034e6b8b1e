"""Small pictures for the seek bar: sheets of them, and a WebVTT file that says which is shown when."""

import math
from dataclasses import dataclass
from pathlib import Path

from libs.media.ffmpeg import REPORT_FRAMES, Ffmpeg
from libs.media.ffprobe import input_options
from libs.media.process import Watch

from .colours import to_ordinary_screen
from .encoder import OnSeconds, Source
from .ladder import fitted_size

STORYBOARD_NAME = "storyboard.vtt"
TILE_SIDE = 160
SHEET_COLUMNS = SHEET_ROWS = 10
TILES_PER_SHEET = SHEET_COLUMNS * SHEET_ROWS
SHORTEST_INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS = 1.0, 10.0
WANTED_TILES = 100
# Up to here every frame is looked at; beyond only key frames are, which costs next to nothing.
EVERY_FRAME_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """What pictures are taken from: options that open it, the size that it is shown in, and what `scale` does to it."""

    input_arguments: tuple[str, ...]
    stream: str
    width: int
    height: int
    colours: str = ""


def source_footage(source: Source, *, duration_seconds: float) -> Footage:
    """Return the source as footage; of a long one only key frames, which costs next to nothing."""
    picture = source.facts.video
    if picture is None:
        raise ValueError("a source without a picture has no storyboard")
    key_frames = ("-skip_frame", "nokey") if duration_seconds > EVERY_FRAME_SECONDS else ()
    opening = input_options(url=source.url, if_match_etag=source.etag)
    return Footage(
        input_arguments=(*opening, *key_frames, "-i", source.url),
        stream=f"0:{picture.index}",
        width=picture.width,
        height=picture.height,
        colours=to_ordinary_screen(picture),
    )


def make_storyboard(
    footage: Footage, *, duration_seconds: float, folder: Path, ffmpeg: Ffmpeg, watch: Watch, on_seconds: OnSeconds
) -> dict[str, bytes]:
    """
    Return a storyboard's files by name: the sheets, and the WebVTT file that names them.

    Args:
        on_seconds: Told how much of the video has been looked at.

    Raises:
        EncodeFailed, ProcessStopped: As `Ffmpeg.run` says.
    """
    interval = interval_seconds(duration_seconds)
    width, height = fitted_size(footage.width, footage.height, side=TILE_SIDE)
    wanted = max(1, math.ceil(duration_seconds / interval))
    steps = (
        # The last picture stays, so that also the last interval has one.
        f"tpad=stop_mode=clone:stop_duration={interval:g}",
        f"fps=1/{interval:g}:start_time=0:round=down",
        f"trim=end_frame={wanted}",
        f"scale={width}:{height}:flags=area{footage.colours},setsar=1",
        # A sheet is done after a hundred pictures; a lecture over a slow line must not look as if it hung till then.
        REPORT_FRAMES,
        f"tile={SHEET_COLUMNS}x{SHEET_ROWS}",
    )
    ffmpeg.run(
        [
            *footage.input_arguments,
            "-map", footage.stream,
            "-vf", ",".join(steps),
            "-fps_mode", "passthrough",
            "-c:v", "mjpeg",
            "-pix_fmt", "yuvj420p",
            "-q:v", "6",
            "-f", "image2",
            "storyboard-%d.jpg",
        ],
        watch=watch,
        cwd=folder,
        on_frames=lambda count: on_seconds(count * interval),
    )  # fmt: skip
    sheets = sorted(folder.glob("storyboard-*.jpg"), key=lambda path: int(path.stem.rpartition("-")[2]))
    files = {path.name: path.read_bytes() for path in sheets}
    for path in sheets:
        path.unlink()
    tiles = min(wanted, len(files) * TILES_PER_SHEET)
    cues = webvtt(list(files), tiles=tiles, interval=interval, duration=duration_seconds, size=(width, height))
    return {**files, STORYBOARD_NAME: cues.encode()}


def waveform_storyboard(
    waveform: bytes, *, duration_seconds: float, folder: Path, ffmpeg: Ffmpeg, watch: Watch
) -> dict[str, bytes]:
    """
    Return the storyboard of a sound: one picture of all of it, small, from its start to its end.

    Raises:
        EncodeFailed, ProcessStopped: As `Ffmpeg.run` says.
    """
    large, small = folder / "waveform.jpg", folder / "storyboard-1.jpg"
    large.write_bytes(waveform)
    width, height = TILE_SIDE, TILE_SIDE * 9 // 16
    arguments = ["-i", str(large), "-vf", f"scale={width}:{height}:flags=area", "-q:v", "6", "-update", "1", str(small)]
    ffmpeg.run(arguments, watch=watch, cwd=folder)
    seconds = max(duration_seconds, SHORTEST_INTERVAL_SECONDS)
    cues = webvtt([small.name], tiles=1, interval=seconds, duration=duration_seconds, size=(width, height))
    return {small.name: small.read_bytes(), STORYBOARD_NAME: cues.encode()}


def interval_seconds(duration_seconds: float) -> float:
    """Return how far apart pictures are: a hundred over the video, within what is seen and what is useful."""
    wanted = math.ceil(duration_seconds / WANTED_TILES)
    return min(LONGEST_INTERVAL_SECONDS, max(SHORTEST_INTERVAL_SECONDS, wanted))


def webvtt(sheets: list[str], *, tiles: int, interval: float, duration: float, size: tuple[int, int]) -> str:
    """
    Return the file that says which picture is shown when.

    Source:
        https://www.w3.org/TR/webvtt1/ and https://www.w3.org/TR/media-frags/#naming-space
    """
    width, height = size
    lines = ["WEBVTT", ""]
    for tile in range(tiles):
        sheet, place = divmod(tile, TILES_PER_SHEET)
        row, column = divmod(place, SHEET_COLUMNS)
        start, end = tile * interval, max(min((tile + 1) * interval, duration), tile * interval + 0.001)
        lines += [
            f"{_timestamp(start)} --> {_timestamp(end)}",
            f"{sheets[sheet]}#xywh={column * width},{row * height},{width},{height}",
            "",
        ]
    return "\n".join(lines)


def _timestamp(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
