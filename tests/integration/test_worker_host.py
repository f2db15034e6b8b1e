"""Promises about a host that can do nothing: it spoils neither its own jobs nor those of others."""

import errno
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.support.video.models import TranscodeChunk, Video
from apps.worker.video_worker import consumer, main
from apps.worker.video_worker.handle import MessageHandler, Outcome
from apps.worker.video_worker.help import LEFT_ALONE_SECONDS, Helper
from libs.clock import SystemClock
from libs.media.facts import MediaRejected
from libs.queue.client import ReceivedMessage
from tests.support.videos import Pipeline

pytestmark = pytest.mark.django_db(transaction=True)

DISK_FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


class BrokenWorkshop:
    """A workshop in which nothing can be opened."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.openings = 0

    def open(self, _job: object, *, on_probed: Callable[[], None]) -> Any:
        self.openings += 1
        raise self.error


class BrokenProcessor:
    def run(self, *_: object, **__: object) -> Any:
        raise DISK_FULL


class NoQueue:
    """A queue that has nothing, and takes what is done to its messages."""

    def receive(self, **_: object) -> Sequence[ReceivedMessage]:
        return []

    def delete(self, **_: object) -> None: ...

    def change_visibility(self, **_: object) -> None: ...


class NoHelper:
    def help_out(self) -> int:
        return 0


def handler_of(work_folder: Path) -> MessageHandler:
    return MessageHandler(
        queue=NoQueue(),
        queue_name="jobs",
        processor=BrokenProcessor(),
        helper=NoHelper(),
        worker_id="sick",
        lease_seconds=60,
        handover_seconds=3600,
        work_folder=work_folder,
        stopping=threading.Event(),
    )


@pytest.mark.parametrize("error", [DISK_FULL, MediaRejected(cause_code="INPUT_NOT_VIDEO", detail="says this build")])
def test_a_helper_that_fails_costs_the_job_nothing_and_leaves_it_alone(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """To whoever uploads: three visits of one sick helper must not end as `three workers died of your file`."""
    claim = pipeline.claim(pipeline.uploaded())
    TranscodeChunk.objects.create(
        tenant=pipeline.tenant,
        job_id=claim.job_id,
        position=0,
        kind="video",
        number=0,
        start_seconds=0.0,
        state_changed_at=timezone.now(),
    )
    workshop = BrokenWorkshop(error)
    helper = Helper(
        workshop=workshop,  # type: ignore[arg-type]
        worker_id="sick",
        lease_seconds=60,
        work_folder=tmp_path,
        stopping=threading.Event(),
        job_waits=lambda: False,
    )
    assert [helper.help_out() for _ in range(3)] == [0, 0, 0]
    chunk = TranscodeChunk.objects.across_tenants().get()
    assert (chunk.state, chunk.loss_count, workshop.openings) == ("WAITING", 0, 1)

    later = helper._left_until[claim.job_id] + 1
    assert later > LEFT_ALONE_SECONDS
    monkeypatch.setattr("apps.worker.video_worker.help.time.monotonic", lambda: later)
    assert (helper.help_out(), workshop.openings) == (0, 2)


def received(pipeline: Pipeline, video: Video) -> ReceivedMessage:
    body = pipeline.message(video).to_json()
    return ReceivedMessage(message_id="1", body=body, receipt_handle="1", receive_count=1)


def test_a_work_folder_that_was_cleaned_away_is_made_again(pipeline: Pipeline, tmp_path: Path) -> None:
    gone = tmp_path / "cleaned" / "away"
    assert handler_of(gone).handle(received(pipeline, pipeline.uploaded())) is Outcome.HOST_UNFIT
    assert gone.exists(), "the processor had a folder to work in"


def test_a_work_folder_that_cannot_be_made_is_the_hosts_fault(pipeline: Pipeline, tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_bytes(b"")
    video = pipeline.uploaded()
    assert handler_of(occupied).handle(received(pipeline, video)) is Outcome.HOST_UNFIT
    job = pipeline.job_of(video)
    assert (job.state, job.cause_code) == ("RETRY_WAIT", "WORKER_FAULTY")


def test_a_host_that_can_do_nothing_rests_longer_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever fails at once is always free, and would use up the tries of every job."""
    rests: list[float] = []

    class Stopping(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rests.append(timeout or 0.0)
            return False

        def is_set(self) -> bool:
            return len(rests) == 7

    outcomes = iter([Outcome.HOST_UNFIT] * 5 + [Outcome.SUCCEEDED] + [Outcome.HOST_UNFIT] * 2)
    monkeypatch.setattr(consumer, "consume_once", lambda **_: [next(outcomes)])
    consumer.run_consumer(queue=NoQueue(), handler=handler_of(tmp_path), stopping=Stopping())
    assert rests == [60, 120, 240, 480, 600, 60, 120]


def test_what_a_worker_of_the_same_number_has_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the worker that was killed and the one that follows are both number 1."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.getpid", lambda: 1)
    for name in ("academy-video-worker-1-old", "academy-video-worker-999999999-dead"):
        (tmp_path / name / "chunk").mkdir(parents=True)
    alive = tmp_path / f"academy-video-worker-{threading.get_native_id()}-alive"
    alive.mkdir()
    main._remove_folders_of_the_dead()
    assert list(tmp_path.iterdir()) == [alive]
