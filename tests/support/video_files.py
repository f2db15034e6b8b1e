"""Small media files, made by the ffmpeg that the product uses."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from tests.support.clip_store import encoded, kept, run_encoder


@cache
def clip(*, seconds: float = 1.0, size: str = "160x90", audio: bool = True, moov_first: bool = True) -> bytes:
    """Return an H.264 MP4 of a moving test picture."""
    sources = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration={seconds}"]
    if audio:
        sources += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
    flags = ["-movflags", "+faststart"] if moov_first else []
    return _encoded([*sources, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", *flags])


@cache
def sound_only(*, seconds: float = 1.0) -> bytes:
    """Return an MP4 without a picture."""
    return _encoded(["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "aac"])


@cache
def subtitles_only() -> bytes:
    """Return an MP4 with neither picture nor sound."""
    words = "1\n00:00:00,000 --> 00:00:02,000\nMonday: fractions\n"

    def make(path: Path) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".srt", encoding="utf-8") as file:
            file.write(words)
            file.flush()
            run_encoder(["-i", file.name, "-c:s", "mov_text", str(path)])

    return kept("subtitles.mp4", made_by=words, make=make).read_bytes()


def truncated_clip() -> bytes:
    """Return the first part of an MP4 whose index was to come last: what a broken recording leaves."""
    whole = clip(moov_first=False)
    return whole[: whole.index(b"moov") - 4]


def _encoded(options: list[str]) -> bytes:
    return encoded("clip.mp4", "-threads", "1", *options).read_bytes()
