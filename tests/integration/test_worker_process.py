"""Promises about a worker as a process: it goes when told, and takes its encoder with it in any case."""

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.support.video import wiring
from apps.support.video.models import Video
from libs.clock import SystemClock
from tests.support.media import clip
from tests.support.metadata import MetadataService
from tests.support.videos import Pipeline
from tests.support.waiting import wait_until
from tests.support.workers import Workers, make_queue, upload, wait_for_encoders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture
def workers(sqs_engine: None, s3_engine: None, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(queue_name=make_queue(f"worker-{uuid.uuid4()}"), folder=tmp_path)
    yield workers
    workers.close()


@pytest.fixture
def lecture(pipeline: Pipeline, workers: Workers) -> Video:
    """A minute and a half, which takes a while, uploaded and sent."""
    video = upload(pipeline, clip("lecture"))
    wiring.job_queue().send_message(queue_name=workers.queue_name, message=pipeline.message(video).to_json())
    return video


def assert_gone(pids: list[int]) -> None:
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), timeout_seconds=5, message=f"{pids} are gone"
    )


def test_sigterm_hands_the_job_back_and_ends_within_seconds(
    pipeline: Pipeline, lecture: Video, workers: Workers, tmp_path: Path
) -> None:
    worker = workers.start()
    encoders = wait_for_encoders(pipeline, lecture, worker)
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=12) == 0
    job = pipeline.job_of(lecture)
    assert (job.state, job.cause_code, job.failure_count) == ("RETRY_WAIT", "WORKER_SHUTDOWN", 0)
    assert_gone(encoders)
    assert list(tmp_path.glob("academy-video-worker-*")) == []


def test_a_spot_notice_hands_the_job_back_at_once(
    pipeline: Pipeline, lecture: Video, workers: Workers, tmp_path: Path
) -> None:
    """To the operator: two minutes later the machine is gone, and nothing was lost with it."""
    with MetadataService() as service:
        worker = workers.start(VIDEO_SPOT_NOTICE_URL=service.url)
        encoders = wait_for_encoders(pipeline, lecture, worker)
        service.is_going = True
        # A look every five seconds, and what SIGTERM takes.
        assert worker.wait(timeout=20) == 0
    job = pipeline.job_of(lecture)
    assert (job.state, job.cause_code, job.failure_count) == ("RETRY_WAIT", "WORKER_SHUTDOWN", 0)
    assert_gone(encoders)


def test_kill_takes_the_encoder_along_and_the_next_worker_tidies_up(
    pipeline: Pipeline, lecture: Video, workers: Workers, tmp_path: Path
) -> None:
    worker = workers.start()
    encoders = wait_for_encoders(pipeline, lecture, worker)
    left = list(tmp_path.glob("academy-video-worker-*"))
    worker.kill()
    worker.wait(timeout=10)

    assert_gone(encoders)
    assert left
    successor = workers.start()
    wait_until(lambda: not left[0].exists(), timeout_seconds=20, message="the dead worker's files are removed")
    successor.terminate()
    assert successor.wait(timeout=15) == 0
