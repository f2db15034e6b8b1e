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
_READ_BYTES = 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

_SIGNED_QUERY = re.compile(r"(https?://[^\s?]+)\?[^\s'\"]+")

LineHandler = Callable[[str], None]
MovementTest = Callable[[str], bool]
BytesHandler = Callable[[bytes], None]


class ProcessStopped(Exception):
    """We ended the program; the subclass says why. `stderr` is the end of what it said."""

    def __init__(self, message: str, *, stderr: str = "") -> None:
        self.stderr = stderr
        super().__init__(message)


class ProcessDeadlinePassed(ProcessStopped):
    """It ran longer than it may."""


class ProcessStalled(ProcessStopped):
    """It has shown no progress for too long."""


class ProcessOutgrown(ProcessStopped):
    """It took more memory than it may."""


class ProcessAborted(ProcessStopped):
    """Its caller wants it no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """
    Ceilings of a program. All but memory are enforced by the kernel.

    Memory is looked at several times a second, and the program is killed: an address-space limit left ffmpeg hanging
    instead of failing.
    """

    cpu_seconds: int
    file_size_bytes: int
    memory_bytes: int
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
        stall_seconds: Without a sign of movement on standard output; None does not watch for it.
        should_stop: Asked several times a second.
        is_held_up: Asked as often, whether it waits for its caller and not for itself: that is no stall.
    """

    deadline_seconds: float
    stall_seconds: float | None = None
    should_stop: Callable[[], bool] | None = None
    is_held_up: Callable[[], bool] | None = None


def run_process(
    argv: Sequence[str],
    *,
    limits: ProcessLimits,
    watch: Watch,
    on_line: LineHandler | None = None,
    on_bytes: BytesHandler | None = None,
    shows_movement: MovementTest | None = None,
    cwd: str | None = None,
) -> ProcessResult:
    """
    Run a program in a session of its own and wait for it.

    Args:
        on_line: Called with each line of standard output, which is then not collected.
        shows_movement: Tells which lines are a sign of movement; all are, unless this says otherwise.
        on_bytes: The same for standard output that is no text. The program waits while it runs.

    Raises:
        ProcessDeadlinePassed, ProcessStalled, ProcessOutgrown, ProcessAborted: We killed it and all it had started.
        Exception: What a handler raised; the program has been killed.
    """
    parent = os.getpid()
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=cwd,
        # Only system calls on preloaded code: safe between fork and exec although other threads run.
        preexec_fn=lambda: _bind_to_parent(parent, limits),  # noqa: PLW1509
    ) as process:
        output = _Output(process, on_line=on_line, on_bytes=on_bytes, shows_movement=shows_movement)
        try:
            _wait(process, limits=limits, watch=watch, output=output)
        finally:
            _kill_group(process)
            output.join(timeout_seconds=1)
        return ProcessResult(returncode=process.returncode, stdout=output.stdout(), stderr=output.stderr())


class _Output:
    """Reads both pipes, so that neither can fill up and block the program."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        on_line: LineHandler | None,
        on_bytes: BytesHandler | None,
        shows_movement: MovementTest | None,
    ) -> None:
        self.failure: Exception | None = None
        self._last_sign_at = time.monotonic()
        self._is_handling = False
        self._collected: list[bytes] = []
        self._errors = b""
        self._process = process
        self._on_line = on_line
        self._on_bytes = on_bytes
        self._shows_movement = shows_movement
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_output, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def stdout(self) -> bytes:
        return b"".join(self._collected)

    def stderr(self) -> str:
        """Return the end of what it said, without the signatures of the URLs that it read."""
        return _SIGNED_QUERY.sub(r"\1", self._errors.decode(errors="replace").strip())

    def join(self, *, timeout_seconds: float) -> None:
        """Wait until what is left in the pipes of a dead program has been read and handled."""
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    @property
    def is_open(self) -> bool:
        """Tell whether there may be more to come."""
        return any(thread.is_alive() for thread in self._threads)

    def silent_seconds(self) -> float:
        """Return for how long nothing has moved. A handler that is at work holds the program up, which is no stall."""
        return 0.0 if self._is_handling else time.monotonic() - self._last_sign_at

    def excuse_silence(self) -> None:
        """Begin to count anew for how long nothing has moved."""
        self._last_sign_at = time.monotonic()

    def raise_failure(self) -> None:
        """Raise what a handler raised."""
        if self.failure is not None:
            raise self.failure

    def _read_output(self) -> None:
        try:
            self._hand_on()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            self.failure = error

    def _hand_on(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        if self._on_bytes is not None:
            while content := self._process.stdout.read1(_READ_BYTES):  # type: ignore[attr-defined]
                self._is_handling = True
                self._on_bytes(content)
                self._last_sign_at, self._is_handling = time.monotonic(), False
            return
        for line in self._process.stdout:
            text = line.decode(errors="replace").rstrip()
            if self._shows_movement is None or self._shows_movement(text):
                self._last_sign_at = time.monotonic()
            if self._on_line is None:
                self._collected.append(line)
            else:
                self._on_line(text)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None  # noqa: S101
        while chunk := self._process.stderr.read1(4096):  # type: ignore[attr-defined]
            self._errors = (self._errors + chunk)[-_STDERR_TAIL_BYTES:]


def _wait(process: subprocess.Popen[bytes], *, limits: ProcessLimits, watch: Watch, output: _Output) -> None:
    """Return when the program has ended and all that it said has been handled."""
    deadline = time.monotonic() + watch.deadline_seconds
    while not _has_ended(process, output):
        output.raise_failure()
        if watch.should_stop is not None and watch.should_stop():
            raise ProcessAborted("its caller wants it no longer", stderr=output.stderr())
        if time.monotonic() > deadline:
            raise ProcessDeadlinePassed(f"ran for over {watch.deadline_seconds:.0f} s", stderr=output.stderr())
        if _resident_bytes(process.pid) > limits.memory_bytes:
            raise ProcessOutgrown(f"took over {limits.memory_bytes // 1024**2} MiB of memory", stderr=output.stderr())
        if watch.is_held_up is not None and watch.is_held_up():
            output.excuse_silence()
        if watch.stall_seconds is not None and output.silent_seconds() > watch.stall_seconds:
            raise ProcessStalled(f"no progress for {watch.stall_seconds:.0f} s", stderr=output.stderr())
    output.raise_failure()


def _has_ended(process: subprocess.Popen[bytes], output: _Output) -> bool:
    # A program's pipes end with it, and that is noticed at once; a wait with a timeout looks only now and then.
    output.join(timeout_seconds=_POLL_SECONDS)
    try:
        process.wait(timeout=0 if output.is_open else _POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    # Whatever it has started holds its pipes open.
    _kill_group(process)
    output.join(timeout_seconds=_POLL_SECONDS)
    return not output.is_open


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        # It has just ended.
        return 0


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _bind_to_parent(parent: int, limits: ProcessLimits) -> None:
    # Without this, kill -9 of a worker leaves its ffmpeg running: prctl(2).
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # It died between fork and prctl, and its death will not be told again.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_size_bytes, limits.file_size_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
