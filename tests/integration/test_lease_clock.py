"""To whoever runs workers on many machines: one whose clock is wrong neither loses a lease nor stretches it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apps.support.video import wiring
from apps.support.video.domain.chunks import ChunkKind, ClaimedChunk
from apps.support.video.domain.contracts import ClaimedJob, JobProgress
from apps.support.video.models import TranscodeChunk, VideoTranscodeJob
from apps.support.video.recovery.invariants import RunningJobHasLease
from apps.support.video.recovery.wired import wired_world
from apps.support.video.services import chunks, transcode
from apps.worker.video_worker.handle import MessageHandler
from libs.clock import SystemClock
from libs.db.clock import DatabaseClock
from tests.chaos.paper import NobodyHelps, PaperProcessor
from tests.support.clocks import database_ahead
from tests.support.strict_queue import StrictQueue
from tests.support.videos import Pipeline

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("hours", [-1, 1])]

LEASE_SECONDS = 60.0
PROGRESS = JobProgress(stage="encoding", percent=1.0, remaining_seconds=None)


@pytest.fixture
def worker(tmp_path: Path) -> MessageHandler:
    """A worker as it is built when nobody says which clock it has."""
    return MessageHandler(
        queue=StrictQueue(SystemClock()),
        queue_name="",
        processor=PaperProcessor(storage=wiring.storage()),
        helper=NobodyHelps(),
        worker_id="worker-a",
        lease_seconds=LEASE_SECONDS,
        handover_seconds=3600.0,
        work_folder=tmp_path,
        stopping=threading.Event(),
    )


@pytest.fixture
def pipeline(worker: MessageHandler) -> Pipeline:
    return Pipeline(clock=worker.clock)


def test_leases_are_written_by_the_databases_clock(hours: int, worker: MessageHandler, pipeline: Pipeline) -> None:
    """The job's, the renewed one and its chunk's; and the reconciler, which reads them, takes none away."""
    with database_ahead(hours):
        claim = pipeline.claim(pipeline.uploaded(), lease_seconds=LEASE_SECONDS)
        assert is_a_lease_from_now(job_of(claim).lease_until)
        transcode.renew_lease(claim=claim, progress=PROGRESS, lease_seconds=LEASE_SECONDS)
        assert is_a_lease_from_now(job_of(claim).lease_until)
        chunk = claimed_chunk(claim, worker=worker)
        assert is_a_lease_from_now(chunk.lease_until)
        assert RunningJobHasLease().find(wired_world(), limit=10) == []


def test_leases_end_by_the_databases_clock(hours: int, worker: MessageHandler, pipeline: Pipeline) -> None:
    """A worker that is ahead takes nobody's work, and one that is behind takes a dead one's, as does the reconciler."""
    with database_ahead(hours):
        video = pipeline.uploaded()
        claim = pipeline.claim(video, lease_seconds=LEASE_SECONDS)
        chunk = claimed_chunk(claim, worker=worker)
        assert claim_chunk(claim, worker_id="worker-b") is None

        ended = DatabaseClock().now() - timedelta(seconds=30)
        VideoTranscodeJob.objects.for_tenant(claim.tenant_id).update(lease_until=ended)
        TranscodeChunk.objects.for_tenant(claim.tenant_id).update(lease_until=ended)

        assert len(RunningJobHasLease().find(wired_world(), limit=10)) == 2
        taken = claim_chunk(claim, worker_id="worker-b")
        assert taken is not None
        assert taken.chunk_id == chunk.pk
        again = pipeline.claim(video, worker_id="worker-b")
        assert (again.job_id, again.attempt) == (claim.job_id, 2)


def is_a_lease_from_now(lease_until: datetime | None) -> bool:
    assert lease_until is not None
    left = lease_until - DatabaseClock().now()
    return timedelta(seconds=LEASE_SECONDS - 20) < left <= timedelta(seconds=LEASE_SECONDS)


def job_of(claim: ClaimedJob) -> VideoTranscodeJob:
    return VideoTranscodeJob.objects.for_tenant(claim.tenant_id).get(pk=claim.job_id)


def claimed_chunk(claim: ClaimedJob, *, worker: MessageHandler) -> TranscodeChunk:
    TranscodeChunk.objects.create(
        tenant_id=claim.tenant_id,
        job_id=claim.job_id,
        position=0,
        kind=ChunkKind.VIDEO,
        number=0,
        start_seconds=0.0,
        state_changed_at=worker.clock.now(),
    )
    claimed = claim_chunk(claim, worker_id=worker.worker_id)
    assert claimed is not None
    return TranscodeChunk.objects.for_tenant(claim.tenant_id).get(pk=claimed.chunk_id)


def claim_chunk(claim: ClaimedJob, *, worker_id: str) -> ClaimedChunk | None:
    return chunks.claim_chunk(
        tenant_id=claim.tenant_id,
        job_id=claim.job_id,
        kinds=[ChunkKind.VIDEO],
        worker_id=worker_id,
        lease_seconds=LEASE_SECONDS,
    )
