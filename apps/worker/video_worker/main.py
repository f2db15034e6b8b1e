"""Building a worker from the settings, and running it until it is told to stop."""

import os
import shutil
import signal
import socket
import tempfile
import threading
from pathlib import Path

import structlog
from django.conf import settings

from apps.support.video import wiring
from apps.support.video.selectors.schedule import next_jobs_in_line
from libs.media.ffmpeg import Ffmpeg

from .consumer import run_consumer
from .handle import MessageHandler
from .help import Helper
from .notice import notices, watch_notices
from .video.processor import JobProcessor, ProcessingLimits

log = structlog.get_logger(__name__)

HAND_BACK_SECONDS = 8
_FOLDER_PREFIX = "academy-video-worker-"


def run_worker() -> None:
    """Run one worker in this process until SIGTERM, SIGINT, or a notice that the machine is about to go."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    _remove_folders_of_the_dead()
    work_folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))
    try:
        handler = _handler(work_folder=work_folder, stopping=stopping)
        watch_notices(
            notices(spot_url=settings.VIDEO_SPOT_NOTICE_URL, stop_file=settings.VIDEO_STOP_FILE), stopping=stopping
        )
        log.info("worker_started", worker_id=handler.worker_id, queue_name=handler.queue_name)
        # A long poll cannot be interrupted; a thread lets the signal end the process without waiting for it.
        consumer = threading.Thread(
            target=run_consumer,
            kwargs={"queue": wiring.job_queue(), "handler": handler, "stopping": stopping},
            daemon=True,
        )
        consumer.start()
        stopping.wait()
        # An idle worker waits for its long poll's answer too: SQS would hand a message to a poll that nobody reads.
        consumer.join(timeout=HAND_BACK_SECONDS)
        log.info("worker_stopped", worker_id=handler.worker_id)
    finally:
        shutil.rmtree(work_folder, ignore_errors=True)


def _handler(*, work_folder: Path, stopping: threading.Event) -> MessageHandler:
    worker_id = f"{socket.gethostname()}-{os.getpid()}"
    processor = JobProcessor(
        storage=wiring.storage(),
        prober=wiring.prober(),
        ffmpeg=Ffmpeg(ffmpeg_path=settings.FFMPEG_BIN),
        limits=ProcessingLimits(
            probe_seconds=settings.VIDEO_PROBE_TIMEOUT_SECONDS * 4,
            stage_deadline_seconds=settings.VIDEO_STAGE_DEADLINE_SECONDS,
            stall_seconds=settings.VIDEO_STALL_SECONDS,
        ),
    )
    return MessageHandler(
        queue=wiring.job_queue(),
        queue_name=settings.VIDEO_SQS_QUEUE_NAME,
        processor=processor,
        helper=Helper(
            workshop=processor,
            worker_id=worker_id,
            lease_seconds=settings.VIDEO_LEASE_SECONDS,
            work_folder=work_folder,
            stopping=stopping,
            job_waits=_job_waits,
        ),
        worker_id=worker_id,
        lease_seconds=settings.VIDEO_LEASE_SECONDS,
        handover_seconds=settings.VIDEO_HANDOVER_SECONDS,
        work_folder=work_folder,
        stopping=stopping,
    )


def _job_waits() -> bool:
    return bool(next_jobs_in_line(running_limit=settings.VIDEO_TENANT_RUNNING_LIMIT, count=1))


def _remove_folders_of_the_dead() -> None:
    """Remove what workers that were killed have left on this machine's disk."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        owner = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        # In a container every worker has the same number; this one has no folder yet.
        if owner.isdigit() and (int(owner) == os.getpid() or not Path(f"/proc/{owner}").exists()):
            shutil.rmtree(folder, ignore_errors=True)
