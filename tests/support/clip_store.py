"""Media files made by tests, kept under `var/` by what made them: a clip is encoded once on a machine."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from libs.media.binaries import find_binary

FOLDER = Path(__file__).parents[2] / "var" / "clips"


def kept(name: str, *, made_by: str, make: Callable[[Path], None]) -> Path:
    """
    Return a file that `make` writes, unless an earlier test has left it.

    Args:
        name: The file's name.
        made_by: Everything that decides the file's content, other than the ffmpeg that is installed.
    """
    digest = hashlib.sha256(f"{_ffmpeg_version()}\n{made_by}".encode()).hexdigest()[:16]
    folder = FOLDER / digest
    path = folder / name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    # Several processes may want it at the same moment; an interrupted one must not leave half of it.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = folder / f"unfinished-{name}"
            make(unfinished)
            unfinished.rename(path)
    return path


def encoded(name: str, *options: str) -> Path:
    """Return what ffmpeg writes with these options."""

    def encode(path: Path) -> None:
        run_encoder([*options, str(path)])

    return kept(name, made_by="\0".join(options), make=encode)


def run_encoder(options: Sequence[str]) -> None:
    """Run ffmpeg, which must succeed."""
    command = [find_binary("ffmpeg", configured=None), "-v", "error", "-nostdin", "-y", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@cache
def _ffmpeg_version() -> str:
    program = find_binary("ffmpeg", configured=None)
    return subprocess.run([program, "-version"], check=True, capture_output=True, text=True).stdout
