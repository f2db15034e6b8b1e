"""Keeps the processes running, and stops them in order."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import FrameType

from apps.standalone.errors import EXIT_CONFIGURATION, NotReady, StandaloneError, StartFailed, StopRequested
from apps.standalone.launch import ProcessSpec
from apps.standalone.managed_process import ManagedProcess
from apps.standalone.output import LogBook

TICK_SECONDS = 0.1
PROBE_INTERVAL_SECONDS = 0.1
STOP_GRACE_SECONDS = 10.0
IMPATIENCE_AFTER_SECONDS = 1.0
READY_TIMEOUT_SECONDS = 60.0
PREPARATION_TIMEOUT_SECONDS = 300.0
# Before the installation is ready, a process that keeps dying will not become better by itself.
CRASHES_AT_START = 4


class Supervisor:
    """
    Owns all child processes of this installation.

    Only the main thread may call it. `on_change` runs whenever a process has got another id.
    """

    def __init__(self, *, log_book: LogBook, on_change: Callable[[], None]) -> None:
        self._log_book = log_book
        self._on_change = on_change
        self._groups: list[list[ManagedProcess]] = []
        self._stop_signals = 0
        self._signalled_at = -math.inf
        self._wakeup = threading.Event()

    def listen_to_signals(self) -> None:
        """Stop on SIGINT, SIGTERM and SIGHUP; a second one stops waiting and kills."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_signal)

    def start_group(self, specs: Iterable[ProcessSpec]) -> None:
        """Start processes that belong together. Groups are stopped in the reverse order."""
        group = [ManagedProcess(spec, self._log_book) for spec in specs]
        self._groups.append(group)
        for process in group:
            process.want()
        self.tick()

    def wait_ready(self, names: Sequence[str] | None = None) -> None:
        """
        Wait until processes do their work, keeping the others running meanwhile.

        Args:
            names: Which; all by default.

        Raises:
            StartFailed: One keeps ending, or is not ready in time.
            StopRequested: Somebody asked to stop.
        """
        waiting = [process for process in self._all() if names is None or process.name in names]
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while waiting:
            self.tick()
            self._raise_if_stopping()
            waiting = [process for process in waiting if not self._is_ready(process, deadline)]
            if waiting:
                self._rest(PROBE_INTERVAL_SECONDS)

    def run_to_end(self, specs: Sequence[ProcessSpec]) -> None:
        """
        Run commands side by side, each once, to their end.

        Raises:
            StartFailed: One failed. The message has its last lines.
            StopRequested: Somebody asked to stop.
        """
        commands = [ManagedProcess(spec, self._log_book) for spec in specs]
        for command in commands:
            command.start()
            if command.last_error is not None:
                raise self._failure(command)
        deadline = time.monotonic() + PREPARATION_TIMEOUT_SECONDS
        try:
            while any(command.pid is not None for command in commands):
                self.tick()
                self._raise_if_stopping()
                for command in commands:
                    ended = command.reap()
                    if ended is not None and ended.status != 0:
                        raise self._failure(command)
                if time.monotonic() > deadline:
                    raise StartFailed(f"{commands[0].name} did not end within {PREPARATION_TIMEOUT_SECONDS:.0f} s.")
                self._rest(TICK_SECONDS / 2)
        finally:
            for command in commands:
                command.send(signal.SIGKILL)

    def watch(self, on_tick: Callable[[], None]) -> None:
        """Keep everything running until somebody asks to stop."""
        while not self._stop_signals:
            self.tick()
            on_tick()
            self._rest(TICK_SECONDS)

    def wake(self) -> None:
        """Have `watch` look around at once. Safe from any thread."""
        self._wakeup.set()

    def tick(self) -> None:
        """Notice what has ended and start what is due."""
        changed = False
        for process in self._all():
            ended = process.reap()
            if ended is not None:
                changed = True
                self._note_exit(process)
            if process.is_due and not self._stop_signals:
                changed = True
                self._start(process)
        if changed:
            self._on_change()

    def stop_all(self) -> None:
        """Stop every group, the last one first."""
        for group in reversed(self._groups):
            self._stop(group)
        self._groups.clear()

    def pids(self) -> dict[str, int]:
        """Return the ids of what runs, by name."""
        return {process.name: process.pid for process in self._all() if process.pid is not None}

    def names(self) -> list[str]:
        """Return the names of all processes, running or not."""
        return [process.name for process in self._all()]

    def pause(self, names: Sequence[str]) -> None:
        """Stop some processes and leave them stopped."""
        chosen = [process for process in self._all() if process.name in names]
        self._stop(chosen)
        self._log_book.note("processes_paused", names=list(names))
        self._on_change()

    def resume(self, names: Sequence[str]) -> None:
        """
        Start paused processes again, and wait until they are ready.

        Raises:
            StartFailed: One is not ready in time.
        """
        for process in self._all():
            if process.name in names and process.pid is None:
                process.want()
        self.wait_ready(names)
        self._log_book.note("processes_resumed", names=list(names))

    def _all(self) -> list[ManagedProcess]:
        return [process for group in self._groups for process in group]

    def _start(self, process: ManagedProcess) -> None:
        process.start()
        if process.last_error is None:
            self._log_book.note("process_started", name=process.name, pid=process.pid)
        else:
            self._log_book.note("process_not_started", level="error", name=process.name, reason=str(process.last_error))

    def _note_exit(self, process: ManagedProcess) -> None:
        status = process.last_exit.status if process.last_exit else None
        if process.wanted:
            self._log_book.note(
                "process_ended",
                level="warning",
                name=process.name,
                status=status,
                restart_in_seconds=round(process.pause_seconds, 1),
            )
        else:
            self._log_book.note("process_stopped", name=process.name, status=status)

    def _is_ready(self, process: ManagedProcess, deadline: float) -> bool:
        if isinstance(process.last_error, StandaloneError):
            raise process.last_error
        if process.crashes_in_a_row >= CRASHES_AT_START:
            raise self._failure(process)
        reason = "it is not running"
        if process.pid is not None:
            try:
                process.spec.check_ready()
            except NotReady as error:
                reason = str(error)
            else:
                return True
        if time.monotonic() > deadline:
            raise StartFailed(
                f"{process.name} was not ready within {READY_TIMEOUT_SECONDS:.0f} s: {reason}\n"
                f"{self._log_book.tail(process.name)}"
            )
        return False

    def _failure(self, process: ManagedProcess) -> StartFailed:
        if process.last_error is not None:
            return StartFailed(f"{process.name} cannot be started: {process.last_error}")
        status = process.last_exit.status if process.last_exit else None
        failure = StartFailed(f"{process.name} ended with status {status}:\n{self._log_book.tail(process.name)}")
        if status == EXIT_CONFIGURATION:
            failure.exit_code = EXIT_CONFIGURATION
        return failure

    def _stop(self, processes: Sequence[ManagedProcess]) -> None:
        for process in processes:
            process.ask_to_stop()
        deadline = time.monotonic() + STOP_GRACE_SECONDS
        while any(process.pid is not None for process in processes):
            for process in processes:
                if process.reap() is not None:
                    self._note_exit(process)
            if time.monotonic() > deadline or self._stop_signals > 1:
                for process in processes:
                    process.send(signal.SIGKILL)
            time.sleep(TICK_SECONDS / 5)

    def _raise_if_stopping(self) -> None:
        if self._stop_signals:
            raise StopRequested

    def _rest(self, seconds: float) -> None:
        self._wakeup.wait(seconds)
        self._wakeup.clear()

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        # `make` and the terminal may both pass on one Ctrl-C; only a later one means impatience.
        if now - self._signalled_at > IMPATIENCE_AFTER_SECONDS:
            self._stop_signals += 1
            self._signalled_at = now
        self._wakeup.set()
