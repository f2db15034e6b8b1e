"""Promises about a worker as a process: it goes when told, and takes its encoder with it in any case."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from django.conf import settings
from django.db import connection

from apps.standalone.engine_runner import EngineRunner
from apps.support.video import wiring
from apps.support.video.models import Video
from libs.clock import SystemClock
from tests.support.media import clip
from tests.support.videos import Pipeline
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture
def queue_name(sqs_engine: EngineRunner) -> str:
    name = f"worker-{uuid.uuid4()}"
    boto3.client("sqs", region_name=settings.SQS_REGION, endpoint_url=settings.SQS_ENDPOINT_URL).create_queue(
        QueueName=name
    )
    return name


@pytest.fixture
def start_worker(
    queue_name: str, s3_engine: EngineRunner, tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start `run_video_worker` over this test's database and queue."""
    started: list[subprocess.Popen[bytes]] = []
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    variables = {"DATABASE_URL": database.geturl(), "VIDEO_SQS_QUEUE_NAME": queue_name, "TMPDIR": str(tmp_path)}

    def start() -> subprocess.Popen[bytes]:
        secret = {"ACADEMY_SECRET_KEY": "k" * 40, "VIDEO_PLAYBACK_SECRET": "p" * 40}
        with (tmp_path / "worker.log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "manage.py", "run_video_worker"],
                    cwd=REPOSITORY,
                    env={**secret, **os.environ, **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        worker.wait(timeout=10)


@pytest.fixture
def lecture(pipeline: Pipeline, queue_name: str, s3_engine: EngineRunner) -> Video:
    """A minute and a half, which takes a while, uploaded and sent."""
    storage = wiring.storage()
    body = clip("lecture").read_bytes()
    video = pipeline.pending(size_bytes=len(body))
    storage.write_bytes(pipeline.upload_of(video).file_key, body, content_type="video/mp4")
    pipeline.storage = storage  # type: ignore[assignment]
    pipeline.complete(video)
    wiring.job_queue().send_message(queue_name=queue_name, message=pipeline.message(video).to_json())
    return video


def encoders_of(worker: subprocess.Popen[bytes]) -> list[int]:
    """Return the ids of the processes that a worker has started, whichever thread of it did."""
    threads = Path(f"/proc/{worker.pid}/task").iterdir()
    found = [(thread / "children").read_text(encoding="utf-8").split() for thread in threads]
    return [int(pid) for pids in found for pid in pids]


def wait_for_encoders(pipeline: Pipeline, video: Video, worker: subprocess.Popen[bytes]) -> list[int]:
    def encoding() -> list[int]:
        assert worker.poll() is None, "the worker has ended"
        job = pipeline.job_of(video)
        return encoders_of(worker) if job.stage == "encoding" and job.progress_percent > 3 else []

    return wait_until(encoding, timeout_seconds=40, message="the worker encodes")


def assert_gone(pids: list[int]) -> None:
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), timeout_seconds=5, message=f"{pids} are gone"
    )


def test_sigterm_hands_the_job_back_and_ends_within_seconds(
    pipeline: Pipeline, lecture: Video, start_worker: Callable[[], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    worker = start_worker()
    encoders = wait_for_encoders(pipeline, lecture, worker)
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=8) == 0
    job = pipeline.job_of(lecture)
    assert (job.state, job.cause_code, job.failure_count) == ("RETRY_WAIT", "WORKER_SHUTDOWN", 0)
    assert_gone(encoders)
    assert list(tmp_path.glob("academy-video-worker-*")) == []


def test_kill_takes_the_encoder_along_and_the_next_worker_tidies_up(
    pipeline: Pipeline, lecture: Video, start_worker: Callable[[], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    worker = start_worker()
    encoders = wait_for_encoders(pipeline, lecture, worker)
    left = list(tmp_path.glob("academy-video-worker-*"))
    worker.kill()
    worker.wait(timeout=10)

    assert_gone(encoders)
    assert left
    successor = start_worker()
    wait_until(lambda: not left[0].exists(), timeout_seconds=20, message="the dead worker's files are removed")
    successor.terminate()
    assert successor.wait(timeout=15) == 0
