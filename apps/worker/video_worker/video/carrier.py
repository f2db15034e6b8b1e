"""Carrying the parts of a stream to storage while later ones are made."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from apps.support.video.domain.chunks import TrackPart

OnPart = Callable[[TrackPart], None]


class Carrier:
    """Uploads one part beside the pass that makes the next, so that two at most are on disk."""

    def __init__(self, *, store: Callable[[str, Path], None], on_stored: OnPart) -> None:
        self.stored: list[TrackPart] = []
        self._store = store
        self._on_stored = on_stored
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upload")
        self._running: Future[None] | None = None

    def __enter__(self) -> "Carrier":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._settle()
        finally:
            self._thread.shutdown(wait=kind is None, cancel_futures=True)

    def take(self, path: Path, part: TrackPart) -> None:
        """Upload a part's file and remove it, after the one before."""
        self._settle()
        self._running = self._thread.submit(self._carry, path, part)

    def _settle(self) -> None:
        if self._running is not None:
            self._running.result()
            self._running = None

    def _carry(self, path: Path, part: TrackPart) -> None:
        self._store(part.key, path)
        path.unlink()
        self.stored.append(part)
        self._on_stored(part)
