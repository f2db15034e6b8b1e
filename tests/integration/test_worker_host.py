"""Promises about a host that can do nothing: it spoils neither its own jobs nor those of others."""

import errno
import threading
from pathlib import Path
from typing import Any

import pytest

from apps.support.video.models import TranscodeChunk, Video
from apps.worker.video_worker import consumer, main
from apps.worker.video_worker.handle import Outcome
from apps.worker.video_worker.help import LEFT_ALONE_SECONDS
from libs.clock import SystemClock
from libs.media.facts import MediaRejected
from libs.queue.client import ReceivedMessage
from tests.support.handling import Workshop, add_chunk, handler_of, helper_of
from tests.support.videos import Pipeline

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sqs_engine")]

DISK_FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


class BrokenProcessor:
    """Runs on a host whose disk is full."""

    def run(self, *_: object, **__: object) -> Any:
        raise DISK_FULL


@pytest.mark.parametrize("error", [DISK_FULL, MediaRejected(cause_code="INPUT_NOT_VIDEO", detail="says this build")])
def test_a_helper_that_fails_costs_the_job_nothing_and_leaves_it_alone(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """To whoever uploads: three visits of one sick helper must not end as `three workers died of your file`."""
    claim = pipeline.claim(pipeline.uploaded())
    add_chunk(claim)

    def fail() -> None:
        raise error

    workshop = Workshop(fail)
    helper = helper_of(workshop, work_folder=tmp_path)
    assert [helper.help_out() for _ in range(3)] == [0, 0, 0]
    chunk = TranscodeChunk.objects.across_tenants().get()
    assert (chunk.state, chunk.loss_count, workshop.openings) == ("WAITING", 0, 1)

    later = helper._left_until[claim.job_id] + 1
    assert later > LEFT_ALONE_SECONDS
    monkeypatch.setattr("apps.worker.video_worker.help.time.monotonic", lambda: later)
    assert (helper.help_out(), workshop.openings) == (0, 2)


def test_a_plan_that_changed_while_a_helper_looked_is_no_reason_to_leave_the_job_alone(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """A copy was found damaged in that moment: now all of it is to be encoded, and help is wanted more than before."""
    claim = pipeline.claim(pipeline.uploaded())
    add_chunk(claim)

    def look() -> tuple[()]:
        TranscodeChunk.objects.across_tenants().delete()
        add_chunk(claim)
        return ()

    workshop = Workshop(look)
    helper = helper_of(workshop, work_folder=tmp_path)
    assert [helper.help_out() for _ in range(2)] == [0, 0]
    assert workshop.openings == 2


def received(pipeline: Pipeline, video: Video) -> ReceivedMessage:
    body = pipeline.message(video).to_json()
    return ReceivedMessage(message_id="1", body=body, receipt_handle="1", receive_count=1)


def test_a_work_folder_that_was_cleaned_away_is_made_again(pipeline: Pipeline, tmp_path: Path) -> None:
    gone = tmp_path / "cleaned" / "away"
    handler = handler_of(BrokenProcessor(), work_folder=gone)
    assert handler.handle(received(pipeline, pipeline.uploaded())) is Outcome.HOST_UNFIT
    assert gone.exists(), "the processor had a folder to work in"


def test_a_work_folder_that_cannot_be_made_is_the_hosts_fault(pipeline: Pipeline, tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_bytes(b"")
    video = pipeline.uploaded()
    assert handler_of(BrokenProcessor(), work_folder=occupied).handle(received(pipeline, video)) is Outcome.HOST_UNFIT
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
    handler = handler_of(BrokenProcessor(), work_folder=tmp_path)
    consumer.run_consumer(queue=handler.queue, handler=handler, stopping=Stopping())
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
