"""
Keeping a job: the lease in the table and the message's visibility are renewed together, and only while work moves.

A thread that renewed for a hung encoder would hold the job for ever; this one falls silent with the work, and the
job goes to somebody else.
"""

import math
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Protocol

import structlog
from django.db import DatabaseError, close_old_connections, connection

from apps.support.video.domain.contracts import JobProgress
from apps.support.video.domain.errors import LeaseLost
from libs.queue.client import QueueUnavailable, ReceiptHandleStale

log = structlog.get_logger(__name__)

# Progress is written at most once a second.
TICK_SECONDS = 1.0


class ProgressReporter(Protocol):
    """Where the work says how far it has come, and asks whether it should go on."""

    def report(
        self, *, stage: str, percent: float, remaining_seconds: float | None = None, moved_to: float | None = None
    ) -> None: ...

    def should_stop(self) -> bool: ...


class LeaseKeeper:
    """
    Renews a claim beside the work. Use as a context manager; `lost` says that the claim is gone.

    Args:
        renew: Writes lease and progress; raises `LeaseLost` when the claim is another's.
        extend_visibility: Hides the queue message for another lease.
        lease_seconds: How long a renewal holds.
        stopping: Set when this worker shuts down.
        handover_seconds: After how long the work is handed over to another attempt; never when omitted.
        tick_seconds: How often the thread looks whether work has moved.
    """

    def __init__(
        self,
        *,
        renew: Callable[[JobProgress], None],
        extend_visibility: Callable[[], None],
        lease_seconds: float,
        stopping: threading.Event,
        handover_seconds: float = math.inf,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self.lost = threading.Event()
        self._renew = renew
        self._extend_visibility = extend_visibility
        self._visibility_every_seconds = lease_seconds / 3
        self._stopping = stopping
        self._handover_at = time.monotonic() + handover_seconds
        self._tick_seconds = tick_seconds
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._latest = JobProgress(stage="starting", percent=0.0, remaining_seconds=None)
        self._movement = 0
        self._last_mark: tuple[str, float, float | None] | None = None
        # Its log lines belong to the same trace.
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name="lease", daemon=True)

    def __enter__(self) -> "LeaseKeeper":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join(timeout=30)

    def report(
        self, *, stage: str, percent: float, remaining_seconds: float | None = None, moved_to: float | None = None
    ) -> None:
        """Record progress. Repeating the same mark is no movement; percent never goes back."""
        with self._lock:
            mark = (stage, percent, moved_to)
            if mark != self._last_mark:
                self._last_mark = mark
                self._movement += 1
            self._latest = JobProgress(
                stage=stage, percent=max(percent, self._latest.percent), remaining_seconds=remaining_seconds
            )

    def should_stop(self) -> bool:
        """Tell the work to stop: the claim is lost, the worker shuts down, or it is time to hand over."""
        return self.lost.is_set() or self._stopping.is_set() or self.is_over()

    def is_over(self) -> bool:
        """Tell whether this attempt has had all the time that one attempt gets."""
        return time.monotonic() >= self._handover_at

    def _run(self) -> None:
        seen_movement, visibility_due_at = 0, time.monotonic()
        while not self._done.wait(self._tick_seconds) and not self.lost.is_set():
            with self._lock:
                movement, progress = self._movement, self._latest
            if movement == seen_movement:
                continue
            if self._renew_once(progress):
                seen_movement = movement
                if time.monotonic() >= visibility_due_at:
                    visibility_due_at = time.monotonic() + self._visibility_every_seconds
                    self._extend_once()
        connection.close()

    def _renew_once(self, progress: JobProgress) -> bool:
        try:
            self._renew(progress)
        except LeaseLost:
            self.lost.set()
            return False
        except DatabaseError as error:
            # The encode goes on: the lease outlives a short outage, and the next tick tries again.
            log.warning("lease_renewal_failed", error=str(error))
            close_old_connections()
            return False
        return True

    def _extend_once(self) -> None:
        try:
            self._extend_visibility()
        except (QueueUnavailable, ReceiptHandleStale) as error:
            # The table holds the claim; a message that shows again finds the job held.
            log.warning("visibility_extension_failed", error=str(error))
