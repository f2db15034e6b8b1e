"""Two threads of one attempt: when one fails the other stops, and the failure that came first counts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Event, Lock
from typing import TypeVar

Main = TypeVar("Main")
Side = TypeVar("Side")
Answer = TypeVar("Answer")


class Crew:
    """
    Does main and side work at the same time.

    Args:
        should_stop: Asked besides: whether the whole attempt should end.
    """

    def __init__(self, *, should_stop: Callable[[], bool]) -> None:
        self._outer_should_stop = should_stop
        self._failed = Event()
        self._lock = Lock()
        self._failure: Exception | None = None

    def should_stop(self) -> bool:
        """Tell either side to stop."""
        return self._failed.is_set() or self._outer_should_stop()

    def run(self, *, main: Callable[[], Main], side: Callable[[], Side]) -> tuple[Main, Side]:
        """
        Return what both returned.

        Raises:
            Exception: The first of the two failures. Nothing runs any more.
        """
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="side") as executor:
            # The side's log lines and spans belong to the same attempt.
            future = executor.submit(copy_context().run, self._watched, side)
            try:
                return self._watched(main), future.result()
            except Exception:
                executor.shutdown(wait=True)
                if self._failure is not None:
                    # Whoever was told to stop is aborted; that is the consequence and not the cause.
                    raise self._failure from None
                raise

    def _watched(self, work: Callable[[], Answer]) -> Answer:
        try:
            return work()
        except Exception as error:
            with self._lock:
                self._failure = self._failure or error
            self._failed.set()
            raise
