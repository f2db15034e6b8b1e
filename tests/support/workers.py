"""Real workers over a test's database, a queue of the test's own, and real storage."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from django.conf import settings
from django.db import connection

from apps.support.outbox.models import OutboxMessage
from apps.support.video import wiring
from apps.support.video.models import TranscodeChunk, Video, WorkerBeat
from apps.worker.video_worker.handle import MessageHandler, Outcome, Processor
from libs.queue.client import ReceivedMessage
from tests.support.videos import Pipeline
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
SECRETS = {"ACADEMY_SECRET_KEY": "k" * 40, "VIDEO_PLAYBACK_SECRET": "p" * 40}


def make_queue(name: str) -> str:
    """Make a queue, and return its name."""
    sqs = boto3.client("sqs", region_name=settings.SQS_REGION, endpoint_url=settings.SQS_ENDPOINT_URL)
    sqs.create_queue(QueueName=name)
    return name


class Workers:
    """
    `run_video_worker` processes.

    Args:
        folder: Where their work folders and their log go.
    """

    def __init__(self, *, queue_name: str, folder: Path, lease_seconds: float = 15.0) -> None:
        self.queue_name = queue_name
        self.folder = folder
        self._lease_seconds = lease_seconds
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, **variables_of_its_own: str) -> subprocess.Popen[bytes]:
        """Start one more."""
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        variables = {
            "DATABASE_URL": database.geturl(),
            "VIDEO_SQS_QUEUE_NAME": self.queue_name,
            "VIDEO_LEASE_SECONDS": f"{self._lease_seconds:g}",
            "TMPDIR": str(self.folder),
            **variables_of_its_own,
        }
        with (self.folder / "worker.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    [sys.executable, "manage.py", "run_video_worker"],
                    cwd=REPOSITORY,
                    env={**SECRETS, **os.environ, **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return self._started[-1]

    def start_ready(self, count: int) -> list[subprocess.Popen[bytes]]:
        """Start some, and wait until all of them wait for work."""
        started = [self.start() for _ in range(count)]
        wanted = {f"{socket.gethostname()}-{worker.pid}" for worker in started}

        def all_wait() -> bool:
            return wanted <= set(WorkerBeat.objects.values_list("worker_id", flat=True))

        wait_until(all_wait, timeout_seconds=40, message="the workers wait for work")
        return started

    def log(self) -> str:
        """Return what all of them have printed."""
        return (self.folder / "worker.log").read_text(encoding="utf-8")

    def close(self) -> None:
        """Kill those that are left."""
        for worker in self._started:
            worker.kill()
            worker.wait(timeout=10)


def upload(pipeline: Pipeline, source: Path) -> Video:
    """Store a source and accept it as an upload, as the api would."""
    return upload_body(pipeline, source.read_bytes())


def upload_body(pipeline: Pipeline, body: bytes) -> Video:
    """Do the same with what is not in a file."""
    storage = wiring.storage()
    video = pipeline.pending(size_bytes=len(body))
    storage.write_bytes(pipeline.upload_of(video).file_key, body, content_type="video/mp4")
    pipeline.storage = storage  # type: ignore[assignment]
    pipeline.complete(video)
    return video


class NoHelp:
    """Nobody else's chunks are done here."""

    def help_out(self) -> int:
        return 0


def attempt(
    pipeline: Pipeline,
    video: Video,
    *,
    processor: Processor,
    folder: Path,
    stopping: threading.Event | None = None,
) -> Outcome:
    """Let a worker of this process have a video's message, and return what it did about it."""
    handler = MessageHandler(
        queue=wiring.job_queue(),
        queue_name=settings.VIDEO_SQS_QUEUE_NAME,
        processor=processor,
        helper=NoHelp(),
        worker_id="worker-a",
        lease_seconds=30,
        handover_seconds=3600.0,
        work_folder=folder,
        stopping=stopping or threading.Event(),
    )
    body = pipeline.message(video).to_json()
    return handler.handle(ReceivedMessage(message_id="1", body=body, receipt_handle="none", receive_count=1))


def send_all(*, queue_name: str) -> int:
    """Send what waits in the outbox to a queue, as a relay would, and return how many messages."""
    messages = list(OutboxMessage.objects.filter(sent_at=None))
    for message in messages:
        wiring.job_queue().send_message(queue_name=queue_name, message=message.body)
    OutboxMessage.objects.filter(pk__in=[message.pk for message in messages]).delete()
    return len(messages)


def encoders_of(worker: subprocess.Popen[bytes]) -> list[int]:
    """Return the ids of the processes that a worker has started, whichever thread of it did."""
    threads = Path(f"/proc/{worker.pid}/task").iterdir()
    found = [(thread / "children").read_text(encoding="utf-8").split() for thread in threads]
    return [int(pid) for pids in found for pid in pids]


def wait_for_encoders(pipeline: Pipeline, video: Video, worker: subprocess.Popen[bytes]) -> list[int]:
    """Wait until a worker is in the middle of encoding a video, and return the ids of its encoders."""

    def encoding() -> list[int]:
        assert worker.poll() is None, "the worker has ended"
        job = pipeline.job_of(video)
        return encoders_of(worker) if job.stage == "encoding" and job.progress_percent > 3 else []

    return wait_until(encoding, timeout_seconds=40, message="the worker encodes")


def chunks_of(video: Video) -> list[TranscodeChunk]:
    """Return the chunks of a video's job, in order."""
    rows = TranscodeChunk.objects.across_tenants().filter(job__video=video)
    return list(rows.order_by("position"))
