"""Promises about several workers on one video: they share it, and what one of them takes with it is a chunk at most."""

import re
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.support.video import wiring
from apps.support.video.models import Video
from libs.clock import SystemClock
from tests.support.attempts import Package
from tests.support.media import clip, errors_when_played, frame_times, shown_frames
from tests.support.videos import Pipeline
from tests.support.waiting import wait_until
from tests.support.workers import Workers, chunks_of, make_queue, send_all, upload

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture
def workers(sqs_engine: None, s3_engine: None, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(queue_name=make_queue(f"worker-{uuid.uuid4()}"), folder=tmp_path, lease_seconds=8)
    yield workers
    workers.close()


def upload_lecture(pipeline: Pipeline, workers: Workers) -> Video:
    """Upload a minute and a third, which is done in four chunks, and wake a worker up."""
    video = upload(pipeline, clip("talk"))
    wiring.job_queue().send_message(queue_name=workers.queue_name, message=pipeline.message(video).to_json())
    return video


def wait_until_ready(pipeline: Pipeline, video: Video, workers: Workers) -> Video:
    def is_ready() -> bool:
        send_all(queue_name=workers.queue_name)
        status = pipeline.fresh(video).status
        assert status != "FAILED", pipeline.fresh(video).failure_detail
        return status == "READY"

    wait_until(is_ready, timeout_seconds=90, message="it is ready")
    return pipeline.fresh(video)


def package_of(video: Video, *, folder: Path) -> Package:
    """Bring the published package back."""
    storage = wiring.storage()
    for entry in storage.list_objects(video.published_prefix):
        path = folder / "package" / entry.key.removeprefix(video.published_prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(storage.read_bytes(entry.key))
    return Package(folder=folder / "package")


def assert_whole(video: Video, *, folder: Path) -> Package:
    package = package_of(video, folder=folder)
    assert errors_when_played(package.folder / "master.m3u8") == ""
    for name in ("360p", "240p"):
        assert shown_frames(package.media(name)) == pytest.approx(frame_times(clip("talk")), abs=0.0006)
    return package


def test_a_second_worker_does_its_share(pipeline: Pipeline, workers: Workers, tmp_path: Path) -> None:
    workers.start_ready(2)
    lecture = upload_lecture(pipeline, workers)
    ready = wait_until_ready(pipeline, lecture, workers)
    assert "chunk_done" in workers.log()
    assert pipeline.events_of(lecture).count("job_claimed") == 1
    assert_whole(ready, folder=tmp_path)


def test_a_killed_worker_costs_no_finished_chunk(pipeline: Pipeline, workers: Workers, tmp_path: Path) -> None:
    (first,) = workers.start_ready(1)
    lecture = upload_lecture(pipeline, workers)

    def finished() -> list[str]:
        return [part["key"] for chunk in chunks_of(lecture) if chunk.state == "DONE" for part in chunk.parts]

    wait_until(
        lambda: any("/video-0001" in key for key in finished()), timeout_seconds=60, message="two chunks are done"
    )
    first.kill()
    first.wait(timeout=10)
    kept = {key.rpartition("/")[2] for key in finished()}
    workers.start()

    ready = wait_until_ready(pipeline, lecture, workers)
    package = assert_whole(ready, folder=tmp_path)
    shown = set(re.findall(r"^[\w-]+\.mp4$", package.playlist("360p") + package.playlist("audio"), re.MULTILINE))
    assert kept <= shown
    assert ready.published_prefix.endswith("-2/")


def test_a_helper_that_is_killed_costs_one_chunk(pipeline: Pipeline, workers: Workers, tmp_path: Path) -> None:
    both = {f"{socket.gethostname()}-{worker.pid}": worker for worker in workers.start_ready(2)}
    lecture = upload_lecture(pipeline, workers)

    def helper_at_work() -> str:
        send_all(queue_name=workers.queue_name)
        own = pipeline.job_of(lecture).worker_id
        running = [chunk.worker_id for chunk in chunks_of(lecture) if chunk.state == "RUNNING"]
        return next((worker_id for worker_id in running if worker_id != own), "") if own else ""

    helper = both[wait_until(helper_at_work, timeout_seconds=60, message="the second worker helps")]
    helper.kill()
    helper.wait(timeout=10)
    ready = wait_until_ready(pipeline, lecture, workers)
    assert pipeline.events_of(lecture).count("job_claimed") == 1
    assert_whole(ready, folder=tmp_path)
