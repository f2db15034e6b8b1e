"""One supervised process: running or not, wanted or not, and when to try again."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass

from apps.standalone.errors import StandaloneError
from apps.standalone.launch import ProcessSpec, kill_group, spawn
from apps.standalone.output import LogBook

FIRST_RESTART_SECONDS = 0.2
RESTART_FACTOR = 2.0
LONGEST_RESTART_SECONDS = 15.0
# Whoever ran this long was well: the next crash is a new story.
HEALTHY_AFTER_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended. Negative statuses are signals."""

    status: int
    ran_seconds: float


class ManagedProcess:
    """A process that is started again when it ends, with growing pauses, as long as it is wanted."""

    def __init__(self, spec: ProcessSpec, log_book: LogBook) -> None:
        self.spec = spec
        self.wanted = False
        self.crashes_in_a_row = 0
        self.last_exit: Exit | None = None
        self.last_error: Exception | None = None
        self._log_book = log_book
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at = 0.0

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def is_due(self) -> bool:
        """Whether it should be started now."""
        return self.wanted and self._process is None and time.monotonic() >= self._restart_at

    @property
    def pause_seconds(self) -> float:
        """How long it stays down after its last crash."""
        return max(0.0, self._restart_at - time.monotonic())

    def want(self) -> None:
        """Ask for it to run, at once."""
        self.wanted = True
        self.crashes_in_a_row = 0
        self.last_error = None
        self._restart_at = 0.0

    def start(self) -> None:
        """
        Start it. Call from the main thread only: the process dies with the thread that started it.

        When that fails, `last_error` says why and the next attempt is planned.
        """
        self.last_error = None
        try:
            process = spawn(self.spec)
        except (OSError, StandaloneError) as error:
            self.last_error = error
            self._plan_restart(ran_seconds=0.0)
            return
        if process.stdout is None:
            raise RuntimeError("spawn was not given a pipe")
        self._process = process
        self._started_at = time.monotonic()
        self._log_book.pump(self.name, process.stdout, routine=self.spec.routine_output)

    def reap(self) -> Exit | None:
        """Return how it ended if it just has, and plan the next start."""
        if self._process is None or self._process.poll() is None:
            return None
        kill_group(self._process.pid)
        ended = Exit(status=self._process.returncode, ran_seconds=time.monotonic() - self._started_at)
        self._process = None
        self.last_exit = ended
        if self.wanted:
            self._plan_restart(ran_seconds=ended.ran_seconds)
        return ended

    def ask_to_stop(self) -> None:
        """Want it no longer, and tell it."""
        self.wanted = False
        self.send(self.spec.stop_signal)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def _plan_restart(self, *, ran_seconds: float) -> None:
        self.crashes_in_a_row = 1 if ran_seconds >= HEALTHY_AFTER_SECONDS else self.crashes_in_a_row + 1
        pause_seconds = min(
            LONGEST_RESTART_SECONDS, FIRST_RESTART_SECONDS * RESTART_FACTOR ** (self.crashes_in_a_row - 1)
        )
        self._restart_at = time.monotonic() + pause_seconds
