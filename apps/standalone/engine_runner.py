"""Runs one engine without a supervisor, as tests need it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from apps.standalone.errors import NotReady, StartFailed
from apps.standalone.launch import ProcessSpec, kill_group, spawn

STOP_GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05
LOG_TAIL_BYTES = 4000


class EngineRunner:
    """
    One engine process that can be started, stopped, killed and started again.

    Args:
        spec: What to run.
        log_file: Where its output is appended.
    """

    def __init__(self, *, spec: ProcessSpec, log_file: Path) -> None:
        self.spec = spec
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id; it must be running."""
        if self._process is None:
            raise RuntimeError(f"{self.spec.name} is not running")
        return self._process.pid

    def start(self, *, timeout_seconds: float = 60.0) -> None:
        """
        Start it and return when it answers. Starting a running engine changes nothing.

        Raises:
            StartFailed: It ended, or did not answer in time. The message has the end of its log.
        """
        if self._process is not None and self._process.poll() is None:
            return
        with self._log_file.open("ab") as log:
            self._process = spawn(self.spec, output=log.fileno())
        self._wait_ready(self._process, timeout_seconds)

    def stop(self) -> None:
        """End it in order, by force after a grace time. Stopping a stopped engine changes nothing."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(self.spec.stop_signal)
        self._reap()

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def _reap(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(timeout=STOP_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        kill_group(self._process.pid)
        self._process = None

    def _wait_ready(self, process: subprocess.Popen[bytes], timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while True:
            if process.poll() is not None:
                raise StartFailed(f"{self.spec.name} ended with status {process.returncode}:\n{self._log_tail()}")
            try:
                self.spec.check_ready()
            except NotReady as error:
                if time.monotonic() > deadline:
                    self.kill()
                    raise StartFailed(f"{error}\n{self._log_tail()}") from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def _log_tail(self) -> str:
        with self._log_file.open("rb") as log:
            size_bytes = log.seek(0, os.SEEK_END)
            log.seek(max(0, size_bytes - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
