"""Running a program that is fed hostile files: limited, watched, and gone when we are gone."""

import ctypes
import os
import re
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_STDERR_TAIL_BYTES = 16_384
_POLL_SECONDS = 0.05

_SIGNED_QUERY = re.compile(r"(https?://[^\s?]+)\?[^\s'\"]+")

LineHandler = Callable[[str], None]


class ProcessStopped(Exception):
    """We ended the program; the subclass says why. `stderr` is the end of what it said."""

    def __init__(self, message: str, *, stderr: str = "") -> None:
        self.stderr = stderr
        super().__init__(message)


class ProcessDeadlinePassed(ProcessStopped):
    """It ran longer than it may."""


class ProcessStalled(ProcessStopped):
    """It has shown no progress for too long."""


class ProcessAborted(ProcessStopped):
    """Its caller wants it no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """
    Ceilings that the kernel enforces in the child.

    No address-space limit: it left ffmpeg hanging instead of failing; a cgroup is the place for memory.
    """

    cpu_seconds: int
    file_size_bytes: int
    open_files: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """How it ended by itself. A negative return code is a signal's number."""

    returncode: int
    stdout: bytes
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """
    When to end a program early.

    Args:
        deadline_seconds: From the start.
        stall_seconds: Without a line on standard output; None does not watch for it.
        should_stop: Asked several times a second.
    """

    deadline_seconds: float
    stall_seconds: float | None = None
    should_stop: Callable[[], bool] | None = None


def run_process(
    argv: Sequence[str],
    *,
    limits: ProcessLimits,
    watch: Watch,
    on_line: LineHandler | None = None,
    cwd: str | None = None,
) -> ProcessResult:
    """
    Run a program in a session of its own and wait for it.

    Args:
        on_line: Called with each line of standard output, which is then not collected.

    Raises:
        ProcessDeadlinePassed, ProcessStalled, ProcessAborted: We killed it and everything it had started.
    """
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=cwd,
        # Only system calls on preloaded code: safe between fork and exec although other threads run.
        preexec_fn=lambda: _bind_to_parent(limits),  # noqa: PLW1509
    ) as process:
        output = _Output(process, on_line=on_line)
        try:
            _wait(process, watch=watch, output=output)
        finally:
            _kill_group(process)
            output.join()
        return ProcessResult(returncode=process.returncode, stdout=output.stdout(), stderr=output.stderr())


class _Output:
    """Reads both pipes, so that neither can fill up and block the program."""

    def __init__(self, process: subprocess.Popen[bytes], *, on_line: LineHandler | None) -> None:
        self.last_line_at = time.monotonic()
        self._collected: list[bytes] = []
        self._errors = b""
        self._process = process
        self._on_line = on_line
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_output, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def stdout(self) -> bytes:
        return b"".join(self._collected)

    def stderr(self) -> str:
        """Return the end of what it said, without the signatures of the URLs that it read."""
        return _SIGNED_QUERY.sub(r"\1", self._errors.decode(errors="replace").strip())

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=5)

    def _read_output(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        for line in self._process.stdout:
            self.last_line_at = time.monotonic()
            if self._on_line is None:
                self._collected.append(line)
            else:
                self._on_line(line.decode(errors="replace").rstrip())

    def _read_errors(self) -> None:
        assert self._process.stderr is not None  # noqa: S101
        while chunk := self._process.stderr.read1(4096):  # type: ignore[attr-defined]
            self._errors = (self._errors + chunk)[-_STDERR_TAIL_BYTES:]


def _wait(process: subprocess.Popen[bytes], *, watch: Watch, output: _Output) -> None:
    deadline = time.monotonic() + watch.deadline_seconds
    while True:
        try:
            process.wait(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        else:
            return
        if watch.should_stop is not None and watch.should_stop():
            raise ProcessAborted("its caller wants it no longer", stderr=output.stderr())
        if now > deadline:
            raise ProcessDeadlinePassed(f"ran for over {watch.deadline_seconds:.0f} s", stderr=output.stderr())
        if watch.stall_seconds is not None and now - output.last_line_at > watch.stall_seconds:
            raise ProcessStalled(f"no progress for {watch.stall_seconds:.0f} s", stderr=output.stderr())


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _bind_to_parent(limits: ProcessLimits) -> None:
    # Without this, kill -9 of a worker leaves its ffmpeg running: prctl(2).
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_size_bytes, limits.file_size_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
