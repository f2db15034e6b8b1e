"""A whole installation to measure encodes on: files go in through the API, times come out of its database."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import psycopg

from tests.support.stack import Stack

VIDEOS = "/api/v1/media/videos/"
PAUSE_SECONDS = 0.05
# One PUT for files of any size here, and a worker that dies is missed soon.
VARIABLES = {"VIDEO_MULTIPART_THRESHOLD_BYTES": str(5 * 1024**3), "VIDEO_LEASE_SECONDS": "10"}


@dataclass(frozen=True, kw_only=True)
class JobTimes:
    """How long a job took, in seconds: from `complete` to the claim, and from the claim to READY."""

    to_claim_seconds: float
    to_ready_seconds: float
    object_count: int


@dataclass
class Footprint:
    """The most that a worker and its encoders held at a time."""

    memory_bytes: int = 0
    disk_bytes: int = 0


class Site:
    """
    Use as a context manager.

    Args:
        workers: How many; each on a core of its own where `pinned`.
    """

    def __init__(self, *, workers: int = 1, pinned: bool = False) -> None:
        self._stack = Stack(workers=workers, variables=VARIABLES)
        self._pinned = pinned

    def __enter__(self) -> Self:
        self._stack.start()
        # Starting up is not what is measured.
        self._wait(lambda: self._value("SELECT count(*) FROM video_worker_beat") >= len(self.worker_pids()), 60)
        if self._pinned:
            for core, pid in enumerate(self.worker_pids()):
                _pin(pid, core)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def base_url(self) -> str:
        return self._stack.base_url

    @property
    def api_key(self) -> str:
        return str(self._stack.report()["api_key"])

    def worker_pids(self) -> list[int]:
        return [pid for name, pid in sorted(self._stack.processes().items()) if name.startswith("worker")]

    def store(self, source: Path) -> int:
        """Send a file to storage and return its video's id; `complete` is still to be called."""
        size_bytes = source.stat().st_size
        wish = {"title": source.stem, "filename": source.name, "size_bytes": size_bytes, "content_type": "video/mp4"}
        ticket = self._answer(self._stack.http.post(f"{VIDEOS}upload/init/", json=wish))
        with source.open("rb") as body:
            headers = {**ticket["upload"]["headers"], "Content-Length": str(size_bytes)}
            httpx.put(
                ticket["upload_url"], content=body, headers=headers, timeout=300, trust_env=False
            ).raise_for_status()
        return int(ticket["video"]["id"])

    def complete(self, video_id: int) -> float:
        """Say that a file is there, and return when that was said."""
        said_at = time.time()
        self._answer(self._stack.http.post(f"{VIDEOS}{video_id}/upload/complete/"))
        return said_at

    def wait_ready(self, video_id: int, *, timeout_seconds: float = 900) -> None:
        """Wait until a video is READY."""

        def is_ready() -> bool:
            status = self._value("SELECT status FROM video WHERE id = %s", video_id)
            assert status != "FAILED", self._value("SELECT failure_detail FROM video WHERE id = %s", video_id)
            return bool(status == "READY")

        self._wait(is_ready, timeout_seconds)

    def encode(self, source: Path) -> JobTimes:
        """Take a file from `complete` to READY."""
        video_id = self.store(source)
        said_at = self.complete(video_id)
        self.wait_ready(video_id)
        return self.times(video_id, said_at=said_at)

    def times(self, video_id: int, *, said_at: float) -> JobTimes:
        """Return what a job that has ended took."""
        started, finished, objects = self._row(
            "SELECT extract(epoch FROM started_at), extract(epoch FROM finished_at), (output->>'object_count')::int"
            " FROM video_transcode_job WHERE video_id = %s",
            video_id,
        )
        return JobTimes(
            to_claim_seconds=float(started) - said_at,
            to_ready_seconds=float(finished - started),
            object_count=int(objects),
        )

    def percent(self, video_id: int) -> float:
        """Return how far a video's job has come."""
        return float(self._value("SELECT progress_percent FROM video_transcode_job WHERE video_id = %s", video_id))

    def chunks(self, video_id: int) -> dict[str, tuple[str, int]]:
        """Return state and number of attempts of each of a running job's chunks."""
        rows = self._rows(
            "SELECT kind || ' ' || number, chunk.state, chunk.attempt_count FROM video_transcode_chunk chunk"
            " JOIN video_transcode_job job ON job.id = chunk.job_id WHERE job.video_id = %s",
            video_id,
        )
        return {name: (state, attempts) for name, state, attempts in rows}

    def kill_worker(self) -> None:
        """Kill the first worker as a crash would; the supervisor starts another."""
        self._stack.kill(next(name for name in sorted(self._stack.processes()) if name.startswith("worker")))

    @contextmanager
    def watched(self) -> Iterator[Footprint]:
        """Look again and again what the first worker holds: resident memory, shared pages counted once, and disk."""
        footprint, done = Footprint(), threading.Event()
        thread = threading.Thread(target=self._look, args=(self.worker_pids()[0], footprint, done), daemon=True)
        thread.start()
        try:
            yield footprint
        finally:
            done.set()
            thread.join()

    def _look(self, pid: int, footprint: Footprint, done: threading.Event) -> None:
        while not done.wait(0.2):
            try:
                worker = psutil.Process(pid)
                family = [worker, *worker.children(recursive=True)]
                footprint.memory_bytes = max(
                    footprint.memory_bytes, sum(process.memory_full_info().pss for process in family)
                )
            except psutil.Error:
                continue
            folders = Path(worker.environ().get("TMPDIR", "/tmp")).glob(f"academy-video-worker-{pid}-*")
            files = [path for folder in folders for path in folder.rglob("*")]
            footprint.disk_bytes = max(footprint.disk_bytes, sum(map(_size_of, files)))

    def _value(self, query: str, *values: object) -> Any:
        return self._row(query, *values)[0]

    def _row(self, query: str, *values: object) -> tuple[Any, ...]:
        return self._rows(query, *values)[0]

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._stack.report()["database_url"], autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    def _answer(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def _wait(self, is_so: Any, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not is_so():
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(PAUSE_SECONDS)


def _pin(pid: int, core: int) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
