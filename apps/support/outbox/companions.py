"""
Other senders that live in the relay's process.

The relay is the process that sends what a commit has promised; who promises something else than a queue message
registers its own loop here, and needs no process of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

import structlog
from django.db import connections

log = structlog.get_logger(__name__)

Companion = Callable[[Event], None]
"""Runs until the event is set; survives what may be survived."""

# Together with the relay's own last step within the ten seconds in which a process is expected to stop.
STOP_SECONDS = 8.0

_companions: dict[str, Companion] = {}


class CompanionCrashed(Exception):
    """A loop beside the relay has ended by an exception; only a new process has it again."""


def register_companion(name: str, run: Companion) -> None:
    """Let a loop run beside the relay. Called while the apps are made ready."""
    _companions[name] = run


@contextmanager
def running_companions(stop: Event, companions: Mapping[str, Companion] = _companions) -> Iterator[None]:
    """
    Run them all in threads. Behind the block they have ended, or are left to end with the process.

    One that crashes sets `stop`, so that the process ends and is started again.

    Args:
        companions: All that are registered.

    Raises:
        CompanionCrashed: One of them did.
    """
    crashed: list[str] = []

    def run(name: str, companion: Companion) -> None:
        try:
            companion(stop)
        except Exception:
            log.exception("companion_crashed", companion=name)
            crashed.append(name)
            stop.set()
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=named, name=named[0], daemon=True) for named in companions.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(STOP_SECONDS)
    if crashed:
        raise CompanionCrashed(", ".join(crashed))
