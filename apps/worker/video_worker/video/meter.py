"""Turning seconds of finished work into percent and remaining time, from the speed measured so far."""

import time
from collections.abc import Callable, Sequence
from threading import Lock

from apps.support.video.domain.chunks import Chunk, ChunkKind, ChunkState, ChunkStatus

from ..lease import ProgressReporter
from .planner import EncodePlan

FROM_PERCENT, TO_PERCENT = 2.0, 97.0
# What a second of each kind costs, measured against a second of a full ladder.
COST_OF_SECOND = {ChunkKind.COPY: 0.02, ChunkKind.AUDIO: 0.04, ChunkKind.VIDEO: 1.0}


class ProgressMeter:
    """Sums up the work of all chunks. Thread-safe. `monotonic` returns the seconds since some moment."""

    def __init__(
        self, plan: EncodePlan, progress: ProgressReporter, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._duration_seconds = plan.duration_seconds
        self._total = sum(_cost(chunk, self._duration_seconds) for chunk in plan.chunks) or None
        self._progress = progress
        self._monotonic = monotonic
        self._started = monotonic()
        self._lock = Lock()
        self._done: dict[tuple[ChunkKind, int], float] = {}
        self._sent_bytes = 0
        self._elsewhere = 0.0
        self._before = 0.0
        self._looks = 0

    def elsewhere(self, statuses: Sequence[ChunkStatus]) -> None:
        """Count what others have done, and what was done before. Looking is a sign of life: they hold leases too."""
        with self._lock:
            others = [status for status in statuses if (status.chunk.kind, status.chunk.number) not in self._done]
            self._elsewhere = sum(self._cost_of(status) for status in others)
            if not self._looks:
                self._before = self._elsewhere
            self._looks += 1
        self._report()

    def of(self, chunk: Chunk) -> Callable[[float], None]:
        """Return whom to tell how many seconds of a chunk are done."""

        def reached(seconds: float) -> None:
            place = (chunk.kind, chunk.number)
            with self._lock:
                if seconds <= self._done.get(place, 0.0):
                    return
                self._done[place] = seconds
            self._report()

        return reached

    def sent(self, count: int) -> None:
        """Count bytes that are on their way to storage: no seconds of work, but a sign that it moves."""
        with self._lock:
            self._sent_bytes += count
        self._report()

    def looked(self) -> None:
        """Count a look at the source for its pictures: no work that is counted, but a sign that it moves."""
        with self._lock:
            self._looks += 1
            has_looked_before = self._looks > 1
        if has_looked_before:
            self._report()

    def finished(self, chunk: Chunk) -> None:
        """Count a chunk as done, whatever its last report was."""
        length = _length(chunk, self._duration_seconds)
        if length is not None:
            self.of(chunk)(length)

    def _report(self) -> None:
        with self._lock:
            own = sum(COST_OF_SECOND[kind] * value for (kind, _), value in self._done.items())
            done = own + self._elsewhere
            moved_to = done + self._sent_bytes + self._looks
        if self._total is None:
            # A browser's WebM does not say how long it is: moving is all that can be told.
            self._progress.report(stage="encoding", percent=FROM_PERCENT, moved_to=moved_to)
            return
        share = min(1.0, done / self._total)
        elapsed = self._monotonic() - self._started
        fresh = done - self._before
        self._progress.report(
            stage="encoding",
            percent=FROM_PERCENT + (TO_PERCENT - FROM_PERCENT) * share,
            remaining_seconds=round(elapsed / fresh * max(0.0, self._total - done), 1) if fresh > 0 else None,
            moved_to=moved_to,
        )

    def _cost_of(self, status: ChunkStatus) -> float:
        if status.state is ChunkState.DONE:
            return _cost(status.chunk, self._duration_seconds)
        return COST_OF_SECOND[status.chunk.kind] * status.done_seconds


def _length(chunk: Chunk, duration_seconds: float | None) -> float | None:
    end = chunk.end_seconds if chunk.end_seconds is not None else duration_seconds
    return None if end is None else max(0.0, end - chunk.start_seconds)


def _cost(chunk: Chunk, duration_seconds: float | None) -> float:
    return COST_OF_SECOND[chunk.kind] * (_length(chunk, duration_seconds) or 0.0)
