"""Telling a person how far it is, or nobody."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class FileProgress(Protocol):
    """One file's progress. Methods may be called from any thread."""

    def begin(self, *, total_bytes: int, done_bytes: int) -> None: ...
    def add(self, count: int) -> None:
        """Count bytes that were sent; a negative count takes back those of a try that failed."""
        ...

    def say(self, text: str) -> None: ...


class Silent:
    """Tells nobody."""

    def begin(self, *, total_bytes: int, done_bytes: int) -> None: ...
    def add(self, count: int) -> None: ...
    def say(self, text: str) -> None: ...


class Bars:
    """A bar for each file, on standard error."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            # The speed of the last seconds; a shorter time makes it jump, a longer one lie.
            speed_estimate_period=20.0,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def file(self, name: str) -> FileProgress:
        """Return a fresh bar."""
        return _Bar(self._progress, self._progress.add_task(name, total=None, note=""))


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def begin(self, *, total_bytes: int, done_bytes: int) -> None:
        # Reset first: bytes of an earlier run must not count as speed.
        self._progress.reset(self._task, total=total_bytes, completed=done_bytes)

    def add(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def say(self, text: str) -> None:
        self._progress.update(self._task, note=text)
