"""What the process table says of encoders: one whose worker is dead eats a core and writes what nobody reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from tests.chaos.oracle import Verdict
from tests.support.media import clip
from tests.support.waiting import wait_until

KILLED_WORKER = "a worker that is killed in the middle of an encode"
_PATIENCE_SECONDS = 5.0
_WORKER = """
import sys
from pathlib import Path
from libs.media.ffmpeg import Ffmpeg
from libs.media.process import Watch
folder = Path(sys.argv[2])
Ffmpeg().run(
    ["-re", "-stream_loop", "-1", "-i", sys.argv[1], "-f", "null", str(folder / "nothing")],
    watch=Watch(deadline_seconds=600),
    cwd=folder,
    on_progress=lambda seconds: (folder / "running").write_text(str(seconds)),
)
"""


def orphaned_encoders(folder: Path, workers: Set[int | None]) -> list[int]:
    """Return the encoders on a folder's files that none of these processes has started."""
    return [pid for pid, parent in _encoders(folder) if parent not in workers]


def _encoders(folder: Path) -> list[tuple[int, int]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError):
                command = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if b"ffmpeg" in command.split(b"\0")[0] and os.fsencode(folder) in command:
                    found.append((int(entry.name), parent))
    return found


def kill_a_worker(folder: Path) -> Verdict:
    """Let a process encode without an end, end it with SIGKILL, and say what it has left behind."""
    verdict = Verdict()
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(clip("small")), str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        wait_until((folder / "running").exists, timeout_seconds=20, message="ffmpeg reports progress")
        if [parent for _, parent in _encoders(folder)] != [worker.pid]:
            raise AssertionError("the encoder to be left behind is not found")
        worker.kill()
        worker.wait(timeout=10)
        for pid in _left_after_a_while(folder):
            verdict.add("orphan", f"encoder {pid} has lost its worker")
            os.kill(pid, signal.SIGKILL)
    finally:
        worker.kill()
        worker.wait(timeout=10)
    return verdict


def _left_after_a_while(folder: Path) -> list[int]:
    with suppress(AssertionError):
        wait_until(lambda: not orphaned_encoders(folder, frozenset()), timeout_seconds=_PATIENCE_SECONDS)
    return orphaned_encoders(folder, frozenset())
