"""Free ports for installations that tests start, several of them at the same time."""

from __future__ import annotations

import fcntl
import random
import tempfile
from pathlib import Path
from typing import TextIO

from apps.standalone.ports import SLOTS, PortPlan, is_free, read_port_plan

# Below the range from which the kernel takes ports for outgoing connections, object storage's own offset included.
_LOWEST_BASE = 11_000
_HIGHEST_BASE = 22_000
# Behind the plan's own: api, relay, reconciler, one worker.
_METRICS_PORTS = 4
# Open, and so locked, as long as this process lives.
_reserved: list[TextIO] = []


def free_port_plan() -> PortPlan:
    """Choose a run of ports that nobody listens on now, and that no other test process has chosen."""
    chooser = random.SystemRandom()
    for _ in range(200):
        base = chooser.randrange(_LOWEST_BASE, _HIGHEST_BASE, len(SLOTS) + _METRICS_PORTS)
        plan = read_port_plan({"ACADEMY_PORT": str(base)})
        if _reserve(base) and all(is_free(number) for _, number in plan.listening()):
            return plan
    raise RuntimeError("no run of free ports found")


def metrics_port_of(plan: PortPlan) -> int:
    """Return the first of the ports that such a run leaves to metrics."""
    return plan.web + len(SLOTS)


def _reserve(base: int) -> bool:
    """Keep a run of ports for this process; two that looked at the same moment would both have found it free."""
    folder = Path(tempfile.gettempdir()) / "academy-video-test-ports"
    folder.mkdir(exist_ok=True)
    lock = (folder / str(base)).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _reserved.append(lock)
    return True
