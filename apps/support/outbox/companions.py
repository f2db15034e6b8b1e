"""
Other senders that live in the relay's process.

The relay is the process that sends what a commit has promised; who promises something else than a queue message
registers its own loop here, and needs no process of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import connections

Companion = Callable[[Event], None]
"""Runs until the event is set; survives what may be survived."""

# Together with the relay's own last step within the ten seconds in which a process is expected to stop.
STOP_SECONDS = 8.0

_companions: dict[str, Companion] = {}


def register_companion(name: str, run: Companion) -> None:
    """Let a loop run beside the relay. Called while the apps are made ready."""
    _companions[name] = run


@contextmanager
def running_companions(stop: Event) -> Iterator[None]:
    """Run them all in threads. Behind the block they have ended, or are left to end with the process."""

    def run(companion: Companion) -> None:
        try:
            companion(stop)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(companion,), name=name, daemon=True) for name, companion in _companions.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(STOP_SECONDS)
