"""
Promises about files that somebody made to harm, through the whole worker: each ends with a reason, soon, and small.

To whoever runs this: no upload makes a worker ask an address or open a file of its choice, and none fills the machine.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from apps.support.video import wiring
from apps.support.video.models import Video
from libs.clock import SystemClock
from tests.support import hostile
from tests.support.attempts import processor_of
from tests.support.canary import listening_canary
from tests.support.media import clip, cut, flipped
from tests.support.videos import Pipeline
from tests.support.workers import attempt, upload

pytestmark = pytest.mark.django_db(transaction=True)

LONGEST_SECONDS = 20
MOST_MEMORY_BYTES = 300 * 1024**2
MOST_DISK_BYTES = 20 * 1024**2


@dataclass
class Cost:
    """The most that an attempt held at a time, and how long it took."""

    memory_bytes: int = 0
    disk_bytes: int = 0
    seconds: float = 0.0


@contextmanager
def measured(folder: Path) -> Iterator[Cost]:
    """Look again and again what the programs that we start hold in memory, and what lies in a folder."""
    cost, done = Cost(), threading.Event()

    def look() -> None:
        process = psutil.Process()
        while not done.wait(0.02):
            # Programs and files come and go while they are looked at.
            with suppress(psutil.Error, OSError):
                cost.memory_bytes = max(cost.memory_bytes, *map(_memory_of, process.children(recursive=True)), 0)
                cost.disk_bytes = max(cost.disk_bytes, sum(map(_size_of, folder.rglob("*"))))

    thread = threading.Thread(target=look, daemon=True)
    started = time.monotonic()
    thread.start()
    try:
        yield cost
    finally:
        cost.seconds = time.monotonic() - started
        done.set()
        thread.join()


def _memory_of(process: psutil.Process) -> int:
    try:
        # Storage and queue are children of the test session too.
        return int(process.memory_info().rss) if process.name() in {"ffmpeg", "ffprobe"} else 0
    except psutil.Error:
        return 0


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def attempt_of(source: Path, *, folder: Path) -> tuple[Video, Cost]:
    """Upload a file that nobody has looked at yet, let a worker have it, and return what became of it."""
    pipeline = Pipeline(code=f"academy-{uuid4()}", clock=SystemClock())
    video = upload(pipeline, source)
    with measured(folder) as cost:
        attempt(pipeline, video, processor=processor_of(wiring.storage()), folder=folder)
    return pipeline.fresh(video), cost


REFUSED: dict[str, tuple[Callable[[str], bytes], set[str]]] = {
    "playlist of an internal address": (lambda url: hostile.hls_of(f"{url}/a.ts"), {"INPUT_SUSPICIOUS"}),
    "playlist of a local file": (lambda _: hostile.hls_of("file:///etc/passwd"), {"INPUT_SUSPICIOUS"}),
    "concatenation of an internal address": (lambda url: hostile.concatenation_of(f"{url}/a"), {"INPUT_SUSPICIOUS"}),
    "concatenation of a local file": (lambda _: hostile.concatenation_of("/etc/passwd"), {"INPUT_SUSPICIOUS"}),
    "30,000 by 30,000": (lambda _: hostile.huge_picture(), {"INPUT_TOO_MANY_PIXELS"}),
    "10,000 streams": (lambda _: hostile.ten_thousand_streams(), {"INPUT_TOO_MANY_STREAMS"}),
    "a thousand million seconds": (lambda _: hostile.endless_index(), {"INPUT_TOO_LONG"}),
    "four thousand million frames": (lambda _: hostile.lying_index(), {"INPUT_MALFORMED"}),
    "zip": (lambda _: hostile.archive(), {"INPUT_NOT_VIDEO"}),
    "cut, index last": (lambda _: cut(clip("small"), share=0.5), {"INPUT_TRUNCATED"}),
    "cut, index first": (lambda _: cut(clip("moov_first"), share=0.5), {"INPUT_TRUNCATED"}),
    "a bit flipped in every thousand": (
        lambda _: flipped(clip("moov_first"), every_bytes=997, after_bytes=0),
        {"INPUT_TRUNCATED", "INPUT_MALFORMED", "INPUT_NOT_VIDEO"},
    ),
}
PLAYABLE: dict[str, Callable[[str], bytes]] = {
    "samples said to be elsewhere": lambda url: hostile.pointing_elsewhere(f"{url}/samples"),
    "samples said to be in a local file": lambda _: hostile.pointing_elsewhere("file:///etc/passwd"),
    "a bit flipped here and there": lambda _: flipped(clip("moov_first"), every_bytes=60_000, after_bytes=60_000),
    "a clock that leaps by a century": lambda _: hostile.leaping_clock(),
}


def assert_cheap(cost: Cost) -> None:
    assert cost.seconds < LONGEST_SECONDS
    assert cost.memory_bytes < MOST_MEMORY_BYTES
    assert cost.disk_bytes < MOST_DISK_BYTES


@pytest.mark.parametrize("name", REFUSED)
def test_it_fails_with_its_reason_soon_and_asks_nobody(
    s3_engine: None, sqs_engine: None, tmp_path: Path, name: str
) -> None:
    make, causes = REFUSED[name]
    work = tmp_path / "work"
    work.mkdir()
    with listening_canary() as canary:
        source = tmp_path / "lecture.mp4"
        source.write_bytes(make(canary.url))
        video, cost = attempt_of(source, folder=work)
    assert canary.requests == []
    assert video.status == "FAILED"
    assert video.failure_code in causes
    assert video.failure_detail
    assert list(work.iterdir()) == []
    assert_cheap(cost)


@pytest.mark.parametrize("name", PLAYABLE)
def test_what_can_be_played_all_the_same_is_played_and_asks_nobody(
    s3_engine: None, sqs_engine: None, tmp_path: Path, name: str
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with listening_canary() as canary:
        source = tmp_path / "lecture.mp4"
        source.write_bytes(PLAYABLE[name](canary.url))
        video, cost = attempt_of(source, folder=work)
    assert canary.requests == []
    assert video.status == "READY", video.failure_code
    assert video.duration_seconds is not None
    assert video.duration_seconds < 10
    assert list(work.iterdir()) == []
    assert_cheap(cost)


def test_whatever_bit_is_flipped_it_ends_for_good(s3_engine: None, sqs_engine: None, tmp_path: Path) -> None:
    """Each time others, in the index too. What only we are to blame for would be tried again, and a file is not."""
    work = tmp_path / "work"
    work.mkdir()
    source, ends = tmp_path / "lecture.mp4", set()
    for seed in range(8):
        source.write_bytes(flipped(clip("pocket"), every_bytes=1500 + 997 * seed, after_bytes=40 + 61 * seed))
        video, cost = attempt_of(source, folder=work)
        assert video.status == "READY" or video.failure_code.startswith("INPUT_"), (seed, video.failure_code)
        assert_cheap(cost)
        ends.add(video.status)
    assert ends == {"READY", "FAILED"}
