"""Workers' parts without a process: what handles a message, what helps, and a chunk that wants help."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from apps.support.video import wiring
from apps.support.video.domain.contracts import ClaimedJob
from apps.support.video.models import TranscodeChunk
from apps.worker.video_worker.handle import MessageHandler, Processor
from apps.worker.video_worker.help import Helper
from tests.support.videos import LEASE_SECONDS


class NoHelp:
    """A worker that nobody wants help of."""

    def help_out(self) -> int:
        return 0


class Workshop:
    """A workshop in which the test says what is found when a job is opened."""

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find
        self.openings = 0

    def open(self, _job: ClaimedJob, *, on_probed: Callable[[], None]) -> Any:
        self.openings += 1
        on_probed()
        return self._find()


def handler_of(processor: Processor, *, work_folder: Path) -> MessageHandler:
    """Return what handles messages of the jobs' own queue."""
    return MessageHandler(
        queue=wiring.job_queue(),
        queue_name=settings.VIDEO_SQS_QUEUE_NAME,
        processor=processor,
        helper=NoHelp(),
        worker_id="worker-a",
        lease_seconds=LEASE_SECONDS,
        handover_seconds=3600.0,
        work_folder=work_folder,
        stopping=threading.Event(),
    )


def helper_of(workshop: Workshop, *, work_folder: Path) -> Helper:
    """Return a helper that no job waits for."""
    return Helper(
        workshop=workshop,  # type: ignore[arg-type]
        worker_id="helper",
        lease_seconds=LEASE_SECONDS,
        work_folder=work_folder,
        stopping=threading.Event(),
        job_waits=lambda: False,
    )


def add_chunk(claim: ClaimedJob) -> TranscodeChunk:
    """Add a chunk that nobody does yet to a running job."""
    return TranscodeChunk.objects.create(
        tenant_id=claim.tenant_id,
        job_id=claim.job_id,
        position=0,
        kind="video",
        number=0,
        start_seconds=0.0,
        state_changed_at=timezone.now(),
    )
