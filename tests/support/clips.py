"""Small videos, made by the encoder that the product ships."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.clip_store import encoded

# Fewer than a camera's: a test that is not about them pays for each one twice, in the clip and in its encode.
FRAMES_PER_SECOND = 10


def make_clip(path: Path, *, seconds: float = 3.0, width: int = 640, height: int = 360, audio: bool = True) -> Path:
    """Write an H.264 clip with a moving picture and, unless told otherwise, a tone."""
    tone = ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "aac"] if audio else []
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate={FRAMES_PER_SECOND}:duration={seconds}"]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    shutil.copyfile(encoded("clip.mp4", *picture, *tone, *encoder), path)
    return path
