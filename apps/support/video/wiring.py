"""The composition root: settings become adapters here, and nowhere else."""

from dataclasses import replace
from functools import cache

from django.conf import settings

from libs.clock import Clock, SystemClock
from libs.db.clock import DatabaseClock
from libs.media.ffprobe import QUICK_INDEX_BYTES, FfprobeProber, MediaLimits
from libs.queue.client import SQSQueueClient
from libs.s3_client.client import S3Storage

from .services.sqs_queue import VideoSQSQueue
from .services.verification import BoundedProber


@cache
def clock() -> Clock:
    """Return the machine's clock, for what may be seconds off: tokens that last for hours, and what a page shows."""
    return SystemClock()


@cache
def shared_clock() -> Clock:
    """Return the database's clock, for leases and whatever else one process writes and another compares."""
    return DatabaseClock()


@cache
def storage() -> S3Storage:
    """Return the bucket."""
    return S3Storage(
        bucket=settings.S3_BUCKET,
        region=settings.S3_REGION,
        access_key_id=settings.S3_ACCESS_KEY_ID,
        secret_access_key=settings.S3_SECRET_ACCESS_KEY,
        endpoint_url=settings.S3_ENDPOINT_URL,
        public_endpoint_url=settings.S3_PUBLIC_ENDPOINT_URL,
        checksum_algorithm=settings.S3_CHECKSUM_ALGORITHM,
    )


@cache
def job_queue() -> SQSQueueClient:
    """Return the queue client of a process that may wait: worker, relay, reconciler."""
    return _queue_client(connect_timeout_seconds=3.0, read_timeout_seconds=30.0, attempts=2)


@cache
def fast_queue() -> SQSQueueClient:
    """Return the queue client of a request: one try within `VIDEO_SEND_TIMEOUT_SECONDS`."""
    budget = settings.VIDEO_SEND_TIMEOUT_SECONDS
    return _queue_client(connect_timeout_seconds=budget / 2, read_timeout_seconds=budget, attempts=1)


@cache
def video_queue() -> VideoSQSQueue:
    """Return the transcode queue as the request path uses it."""
    return VideoSQSQueue(queue=fast_queue(), clock=shared_clock())


@cache
def prober() -> FfprobeProber:
    """Return the prober with the installation's limits."""
    return FfprobeProber(ffprobe_path=settings.FFPROBE_BIN, limits=media_limits())


@cache
def request_prober() -> BoundedProber:
    """Return the prober of the request path: a few at a time, and none that would fetch more than 16 MiB."""
    quick = replace(prober(), largest_index_bytes=QUICK_INDEX_BYTES)
    return BoundedProber(quick, most_at_a_time=settings.VIDEO_PROBE_CONCURRENCY)


@cache
def media_limits() -> MediaLimits:
    """Return what a source may be."""
    return MediaLimits(
        min_duration_seconds=settings.VIDEO_MIN_DURATION_SECONDS,
        max_duration_seconds=settings.VIDEO_MAX_DURATION_SECONDS,
        max_pixels=settings.VIDEO_MAX_PIXELS,
        max_streams=settings.VIDEO_MAX_STREAMS,
        max_frames_per_second=settings.VIDEO_MAX_FRAMES_PER_SECOND,
    )


def _queue_client(*, connect_timeout_seconds: float, read_timeout_seconds: float, attempts: int) -> SQSQueueClient:
    return SQSQueueClient(
        region=settings.SQS_REGION,
        endpoint_url=settings.SQS_ENDPOINT_URL,
        access_key_id=settings.AWS_ACCESS_KEY_ID,
        secret_access_key=settings.AWS_SECRET_ACCESS_KEY,
        connect_timeout_seconds=connect_timeout_seconds,
        read_timeout_seconds=read_timeout_seconds,
        attempts=attempts,
    )
