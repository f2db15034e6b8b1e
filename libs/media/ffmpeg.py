"""Running ffmpeg: watched by its own progress, and its end read for whose fault it was."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .binaries import find_binary
from .process import BytesHandler, LineHandler, ProcessLimits, ProcessResult, Watch, run_process

OnProgress = Callable[[float], None]
OnFrames = Callable[[int], None]

# ffmpeg reports nothing before the first frame of every output is done. Where one takes long, this filter tells of
# each frame that passes it.
REPORT_FRAMES = r"metadata=add:key=passed:value=1,metadata=print:file=pipe\\:1:direct=1"
REPORT_SOUND = r"ametadata=add:key=passed:value=1,ametadata=print:file=pipe\\:1:direct=1"
_FRAME_PASSED = "frame:"

# Of a progress report; what else is in it (speed, frames a second) changes while nothing is done.
_MOVING_COUNTS = frozenset({"frame", "out_time_us", "total_size"})

# What `-rw_timeout` comes out as, in the words of musl and of glibc.
_STALLS = (
    "Error during demuxing: I/O error",
    "Error during demuxing: Operation timed out",
    "Error during demuxing: Input/output error",
    "Error during demuxing: Connection timed out",
    "Error opening input: I/O error",
    "Error opening input: Input/output error",
)
# Of reading the source, the first that fits. Of a 5XX, and of a pinned object's 412, ffmpeg says no more than that.
_SOURCE_FAILURES = (
    (("404 Not Found",), "SOURCE_GONE"),
    (("429 Too Many Requests",), "STORAGE_THROTTLED"),
    (("401 Unauthorized", "403 Forbidden"), "STORAGE_DENIED"),
    (_STALLS, "SOURCE_STALLED"),
    (
        (
            "HTTP error",
            "Server returned",
            "Connection refused",
            "Connection reset",
            "Connection timed out",
            "Stream ends prematurely",
            "Failed to resolve",
        ),
        "STORAGE_UNAVAILABLE",
    ),
)
_EMPTY_OUTPUTS = (
    "Output file is empty",
    "Nothing was written into output file",
    "No filtered frames for output stream",
)
_DECODE_FAILURES = (
    "error while decoding",
    "Error submitting packet to decoder",
    "corrupt decoded frame",
    "concealing",
    "Invalid NAL unit size",
    "Invalid data found when processing input",
)
SOURCE_CAUSES = frozenset(cause_code for _, cause_code in _SOURCE_FAILURES)
"""The source could not be read; that says nothing of what is in it."""

# Of `-max_pixels`, and of sides that no picture may have.
TOO_LARGE_PICTURES = ("exceeds specified max pixel count", "Picture size", "Video size")
# A build without the codec's decoder says so in one of these ways.
_UNKNOWN_CODECS = ("doesn't support hardware accelerated", "no decoder found for", "Decoder not found")
_FILE_FAILURES = (
    *_EMPTY_OUTPUTS,
    "Invalid data found when processing input",
    "moov atom not found",
    "whitelist",
    "could not find codec parameters",
    "does not contain any stream",
    "matches no streams",
    "Error while decoding",
)


class EncodeFailed(Exception):
    """ffmpeg failed. `cause_code` is of the catalogue; `is_files_fault` tells whether trying again can help."""

    def __init__(self, *, cause_code: str, detail: str, is_files_fault: bool) -> None:
        self.cause_code = cause_code
        self.detail = detail
        self.is_files_fault = is_files_fault
        super().__init__(f"{cause_code}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ffmpeg:
    """One installation's ffmpeg and its ceilings."""

    ffmpeg_path: str | None = None
    cpu_seconds: int = 24 * 3600
    largest_file_bytes: int = 64 * 1024**3
    memory_bytes: int = 4 * 1024**3

    def run(
        self,
        arguments: Sequence[str],
        *,
        watch: Watch,
        cwd: Path,
        on_progress: OnProgress | None = None,
        on_frames: OnFrames | None = None,
    ) -> ProcessResult:
        """
        Run ffmpeg to its end.

        Args:
            arguments: All but the program and the options that keep it quiet and reporting.
            cwd: Where relative output paths go.
            on_progress: Told the seconds of output that are done, about twice a second.
            on_frames: Told the number of frames that have passed the filter `REPORT_FRAMES` or `REPORT_SOUND`.

        Raises:
            EncodeFailed: It ended with an error, or has not read all that it was to read.
            ProcessStopped: We ended it (deadline, stall, abort).
        """
        reader = _progress_reader(on_progress, on_frames)
        return self._run(["-progress", "pipe:1", *arguments], watch=watch, cwd=cwd, on_line=reader)

    def stream(self, arguments: Sequence[str], *, watch: Watch, cwd: Path, on_bytes: BytesHandler) -> ProcessResult:
        """
        Run ffmpeg with an output `pipe:1`, and hand its bytes on as they come. It waits while they are being taken.

        Raises:
            EncodeFailed, ProcessStopped: As `run` says.
            Exception: What `on_bytes` raised.
        """
        return self._run(arguments, watch=watch, cwd=cwd, on_bytes=on_bytes)

    def _run(
        self,
        arguments: Sequence[str],
        *,
        watch: Watch,
        cwd: Path,
        on_line: LineHandler | None = None,
        on_bytes: BytesHandler | None = None,
    ) -> ProcessResult:
        program = find_binary("ffmpeg", configured=self.ffmpeg_path)
        result = run_process(
            [program, "-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y", *arguments],
            limits=ProcessLimits(
                cpu_seconds=self.cpu_seconds,
                file_size_bytes=self.largest_file_bytes,
                memory_bytes=self.memory_bytes,
            ),
            watch=watch,
            on_line=on_line,
            on_bytes=on_bytes,
            shows_movement=_movement_test(),
            cwd=str(cwd),
        )
        # To ffmpeg a source that breaks off is an end like any other: what it made is short, and it returns 0.
        if result.returncode != 0 or _source_cause(result.stderr) is not None:
            raise _failure(result)
        return result


def is_empty_output(failure: EncodeFailed) -> bool:
    """Tell whether ffmpeg failed for want of a single frame to encode."""
    return any(sign in failure.detail for sign in _EMPTY_OUTPUTS)


def decoding_failed(stderr: str) -> bool:
    """Tell whether pictures or sound of the source could not all be decoded."""
    return any(sign in stderr for sign in _DECODE_FAILURES)


def _source_cause(stderr: str) -> str | None:
    """Return why reading the source went wrong on its way, whatever ffmpeg's return code says; None: it did not."""
    return next((code for signs, code in _SOURCE_FAILURES if any(sign in stderr for sign in signs)), None)


def _progress_reader(on_progress: OnProgress | None, on_frames: OnFrames | None) -> LineHandler:
    def read(line: str) -> None:
        name, _, value = line.partition("=")
        if name == "out_time_us" and on_progress is not None and value.lstrip("-").isdigit():
            on_progress(max(0, int(value)) / 1_000_000)
        elif name.startswith(_FRAME_PASSED) and on_frames is not None:
            on_frames(int(name.removeprefix(_FRAME_PASSED).split()[0]) + 1)

    return read


def _movement_test() -> Callable[[str], bool]:
    """Return a test for lines that say something new: since version 7 ffmpeg goes on reporting while it hangs."""
    latest: dict[str, str] = {}

    def shows_movement(line: str) -> bool:
        name, _, value = line.partition("=")
        if name.startswith(_FRAME_PASSED):
            return True
        if name not in _MOVING_COUNTS or latest.get(name) == value:
            return False
        latest[name] = value
        return True

    return shows_movement


def _failure(result: ProcessResult) -> EncodeFailed:
    if result.returncode == -signal.SIGKILL:
        return EncodeFailed(cause_code="ENCODER_OOM", detail="killed by the system", is_files_fault=False)
    detail = result.stderr[-1000:]
    if result.returncode < 0:
        detail = f"died of signal {-result.returncode}: {detail}"
        return EncodeFailed(cause_code="ENCODER_CRASH", detail=detail, is_files_fault=False)
    cause_code, is_files_fault = _cause_of(result.stderr)
    return EncodeFailed(cause_code=cause_code, detail=detail, is_files_fault=is_files_fault)


def _cause_of(stderr: str) -> tuple[str, bool]:
    if "No space left on device" in stderr:
        return "WORKER_DISK_FULL", False
    if (cause_code := _source_cause(stderr)) is not None:
        return cause_code, cause_code == "SOURCE_GONE"
    if any(sign in stderr for sign in TOO_LARGE_PICTURES):
        return "INPUT_TOO_MANY_PIXELS", True
    if any(sign in stderr for sign in _UNKNOWN_CODECS):
        return "INPUT_UNSUPPORTED_CODEC", True
    if any(sign in stderr for sign in _FILE_FAILURES):
        return "INPUT_MALFORMED", True
    return "ENCODER_ERROR", False
