"""Ends what an earlier supervisor of the same home has left on our ports."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from apps.standalone.paths import Home
from apps.standalone.port_holders import find_holders
from apps.standalone.ports import PortPlan, is_free

PORTS_FREE_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.05
_MARKER = "ACADEMY_SUPERVISED_HOME"


def end_orphans(home: Home, ports: PortPlan) -> None:
    """
    Kill processes of this home that hold our ports, and wait until they are gone.

    The kernel ends children together with their supervisor, so usually there are none, or they are just ending. The
    caller holds the home's lock: whatever of it still runs has lost its supervisor.
    """
    deadline = time.monotonic() + PORTS_FREE_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        taken = [number for _, number in ports.listening() if not is_free(number)]
        orphans = [pid for number in taken for pid in find_holders(number) if _belongs_to(pid, home)]
        if not orphans:
            return
        for pid in orphans:
            _kill(pid)
        time.sleep(POLL_SECONDS)


def home_marker(home: Home) -> dict[str, str]:
    """Return the variable by which the supervised processes of a home are known."""
    return {_MARKER: str(home.root)}


def _belongs_to(pid: int, home: Home) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"{_MARKER}={home.root}".encode() in environment


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
