"""Promises of the faster path: the bucket says that an object has arrived, and its upload is completed at once."""

import json
import uuid
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from django.conf import settings
from django.db import connections

from apps.support.video import wiring
from apps.support.video.models import Video
from apps.support.video.recovery.storage_events import EventsReport, drain_storage_events, run_storage_events
from libs.media.ffprobe import MediaRejected
from libs.queue.client import SQSQueueClient
from tests.support.queue import _sqs
from tests.support.videos import Pipeline, all_rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def queue(sqs_engine: None) -> SQSQueueClient:
    return wiring.job_queue()


@pytest.fixture
def queue_name(queue: SQSQueueClient) -> Iterator[str]:
    name = f"storage-events-{uuid.uuid4().hex[:8]}"
    url = _sqs().create_queue(QueueName=name)["QueueUrl"]
    yield name
    _sqs().delete_queue(QueueUrl=url)


def event(*keys: str, bucket: str | None = None) -> str:
    name = settings.S3_BUCKET if bucket is None else bucket
    s3 = [{"bucket": {"name": name}, "object": {"key": key, "size": 1000}} for key in keys]
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": record} for record in s3]})


def drain(pipeline: Pipeline, queue: SQSQueueClient, queue_name: str) -> EventsReport:
    return drain_storage_events(pipeline.world, events=queue, queue_name=queue_name, wait_seconds=0)


def in_queue(queue: SQSQueueClient, queue_name: str) -> int:
    depth = queue.depth(queue_name=queue_name)
    return depth.visible + depth.in_flight


def arrived(pipeline: Pipeline) -> Video:
    video = pipeline.pending()
    pipeline.put(video)
    return video


def key_of(pipeline: Pipeline, video: Video) -> str:
    return pipeline.upload_of(video).file_key


def test_an_arrival_completes_its_upload(pipeline: Pipeline, queue: SQSQueueClient, queue_name: str) -> None:
    video, waiting = arrived(pipeline), pipeline.pending()
    queue.send_message(queue_name=queue_name, message=event(key_of(pipeline, video)))
    assert drain(pipeline, queue, queue_name) == EventsReport(received=1, completed=1, kept=0)
    assert (pipeline.fresh(video).status, pipeline.fresh(waiting).status) == ("UPLOADED", "PENDING")
    assert pipeline.events_of(video) == ["upload_started", "upload_completed", "job_created"]
    assert in_queue(queue, queue_name) == 0


def test_a_message_of_several_objects_completes_each(
    pipeline: Pipeline, queue: SQSQueueClient, queue_name: str
) -> None:
    videos = [arrived(pipeline) for _ in range(3)]
    message = event(*(key_of(pipeline, video) for video in videos), "tenants/1/video/hls/1/x/master.m3u8")
    queue.send_message(queue_name=queue_name, message=message)
    assert drain(pipeline, queue, queue_name).completed == 3
    assert {pipeline.fresh(video).status for video in videos} == {"UPLOADED"}


def test_the_same_event_twice_makes_one_job(pipeline: Pipeline, queue: SQSQueueClient, queue_name: str) -> None:
    video = arrived(pipeline)
    for _ in range(2):
        queue.send_message(queue_name=queue_name, message=event(key_of(pipeline, video)))
    drain(pipeline, queue, queue_name)
    drain(pipeline, queue, queue_name)
    assert len(pipeline.sender.sent) == 1
    assert in_queue(queue, queue_name) == 0


def test_a_late_object_of_an_expired_upload_becomes_a_video(
    pipeline: Pipeline, queue: SQSQueueClient, queue_name: str
) -> None:
    video = pipeline.expired()
    pipeline.put(video)
    queue.send_message(queue_name=queue_name, message=event(key_of(pipeline, video)))
    assert drain(pipeline, queue, queue_name).completed == 1
    assert pipeline.fresh(video).status == "UPLOADED"


def test_a_file_that_is_no_video_has_its_outcome_too(
    pipeline: Pipeline, queue: SQSQueueClient, queue_name: str
) -> None:
    video = arrived(pipeline)
    pipeline.prober.answer = MediaRejected(cause_code="INPUT_NOT_VIDEO", detail="text")
    queue.send_message(queue_name=queue_name, message=event(key_of(pipeline, video)))
    drain(pipeline, queue, queue_name)
    assert pipeline.fresh(video).status == "FAILED"
    assert in_queue(queue, queue_name) == 0


@pytest.mark.parametrize(
    "body",
    [
        event("somebody/elses.bin"),
        event("tenants/1/video/raw/1/x.mp4", bucket="another"),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "academy-video"}),
        "not json",
        "{}",
    ],
)
def test_what_is_not_ours_goes_away_and_changes_nothing(
    pipeline: Pipeline, queue: SQSQueueClient, queue_name: str, body: str
) -> None:
    pipeline.pending()
    before = all_rows()
    queue.send_message(queue_name=queue_name, message=body)
    assert drain(pipeline, queue, queue_name) == EventsReport(received=1, completed=0, kept=0)
    assert all_rows() == before
    assert in_queue(queue, queue_name) == 0


def test_an_event_that_storage_kept_from_its_outcome_is_not_deleted(
    pipeline: Pipeline, queue: SQSQueueClient, queue_name: str
) -> None:
    """To the uploader: storage that is down for a moment does not cost the faster path."""
    video = arrived(pipeline)
    queue.send_message(queue_name=queue_name, message=event(key_of(pipeline, video)))
    pipeline.storage.is_down = True
    assert drain(pipeline, queue, queue_name) == EventsReport(received=1, completed=0, kept=1)
    assert in_queue(queue, queue_name) == 1
    assert pipeline.fresh(video).status == "PENDING"


@pytest.mark.django_db(transaction=True)
def test_the_loop_completes_and_stops_when_told(pipeline: Pipeline, queue: SQSQueueClient, queue_name: str) -> None:
    stop = Event()

    def run() -> None:
        try:
            run_storage_events(pipeline.world, events=queue, queue_name=queue_name, stop=stop)
        finally:
            connections.close_all()

    loop = Thread(target=run)
    loop.start()
    try:
        video = arrived(pipeline)
        queue.send_message(queue_name=queue_name, message=event(key_of(pipeline, video)))
        wait_until(lambda: pipeline.fresh(video).status == "UPLOADED", timeout_seconds=20)
    finally:
        stop.set()
        loop.join(timeout=10)
    assert not loop.is_alive()
