"""When to try again, and how long to wait before."""

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from .errors import Interrupted

Answer = TypeVar("Answer")

TRIES = 8
LONGEST_PAUSE_SECONDS = 30.0


class TryAgain(Exception):
    """What failed may well work next time."""

    def __init__(self, reason: str, *, after_seconds: float | None = None) -> None:
        self.after_seconds = after_seconds
        super().__init__(reason)


def pause_seconds(attempt: int, *, asked_for: float | None, first_seconds: float = 0.5) -> float:
    """Return how long to wait before the next try: what the server asked for, else twice as long each time."""
    if asked_for is not None:
        return min(LONGEST_PAUSE_SECONDS, asked_for)
    # Lanes that failed together must not come back together.
    longest: float = first_seconds * 2**attempt
    return min(LONGEST_PAUSE_SECONDS, longest) * random.uniform(0.5, 1.0)  # noqa: S311


def with_retries(call: Callable[[], Answer], *, stop: threading.Event, tries: int = TRIES) -> Answer:
    """
    Call until it does not raise `TryAgain`.

    Raises:
        TryAgain: It still did on the last try.
        Interrupted: `stop` was set.
    """
    for attempt in range(tries):
        if stop.is_set():
            raise Interrupted("interrupted")
        try:
            return call()
        except TryAgain as failure:
            if attempt == tries - 1:
                raise
            stop.wait(pause_seconds(attempt, asked_for=failure.after_seconds))
    raise AssertionError("unreachable")
