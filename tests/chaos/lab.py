"""
The whole pipeline in one process and in the test's own time, over a real database and a real storage.

Its processes are steps that can be killed; its queue does what it is told; its encoder writes labels.
"""

from __future__ import annotations

import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.db import connection

from apps.core.models import Tenant
from apps.support.outbox.relay import drain_once
from apps.support.video.domain.contracts import ClaimedJob, JobProgress
from apps.support.video.domain.errors import (
    EnqueueFailed,
    InvalidStatus,
    LeaseLost,
    UnsupportedMedia,
    UploadChecksumMismatch,
    VideoError,
)
from apps.support.video.models import VideoTranscodeJob
from apps.support.video.recovery.invariant import World
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.services import transcode
from apps.support.video.services.announcing import NO_CHECKSUMS, init_upload
from apps.support.video.services.deletion import delete_video
from apps.support.video.services.ingest import complete_upload
from apps.support.video.services.jobs import cancel_video, retry_video
from apps.support.video.services.multipart import sign_parts
from apps.support.video.services.sqs_queue import VideoSQSQueue
from apps.support.video.services.tickets import UploadTicket
from apps.worker.video_worker.consumer import consume_once
from apps.worker.video_worker.handle import MessageHandler
from libs.clock import FixedClock, SystemClock
from libs.s3_client.client import S3Storage
from tests.chaos.journal import Journal, UploadRecord
from tests.chaos.killing import KillSwitch, Watched
from tests.chaos.oracle import Bucket, Verdict, judge, read_facts
from tests.chaos.paper import NobodyHelps, PaperProcessor, ScriptedProcessor
from tests.support.parts import crc
from tests.support.storage import empty_bucket
from tests.support.strict_queue import QueueFaults, StrictQueue
from tests.support.videos import StubProber
from tests.support.waiting import wait_until

LEASE_SECONDS = 60.0
UPLOAD_DEADLINE_SECONDS = 3600.0
SINGLE_BYTES = 300
# After each of these everything that runs by itself runs until nothing moves: a lease, the redelivery window, a long
# backoff, the upload's deadline and the purge behind it, what storage keeps for an hour, and whatever that set off.
PATIENCE_SECONDS = (0, 61, 400, 1000, 7300, 4000, 4000, 400)
EVERYTHING = frozenset({"reconciler", "relay", "worker"})
SEEN_TO_BY = (("reconciler", "orphan"), ("reconciler", "garbage"), ("relay", "unsent"))
# What looks right must stay right, whatever comes late.
AFTERWARDS_SECONDS = 8000
# More than any life needs (11, where a batch is full), and few for one in which a bug is "repaired" for ever.
MOST_STEPS = 15


class RunningClock:
    """The machine's clock, moved on by so much."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + self._ahead

    def advance(self, *, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class Lab:
    """One tenant's installation. Methods named like processes are steps of these processes."""

    def __init__(self, *, storage: S3Storage, switch: KillSwitch, is_real_time: bool = False) -> None:
        self.tenant = Tenant.objects.create(code=f"lab-{uuid.uuid4().hex[:12]}", name="실험 학원")
        self.clock: FixedClock | RunningClock = RunningClock() if is_real_time else FixedClock(SystemClock().now())
        self.lease_seconds = 2.0 if is_real_time else LEASE_SECONDS
        self.runs: frozenset[str] = EVERYTHING
        self.patience_seconds: tuple[float, ...] = PATIENCE_SECONDS
        self.switch = switch
        self.journal = Journal()
        self.bucket = storage
        self.line = StrictQueue(self.clock)
        self.dead = StrictQueue(self.clock)
        self.prober = StubProber()
        self.storage: Any = Watched(storage, "storage", switch)
        self.queue: Any = Watched(self.line, "queue", switch)
        self.video_queue = VideoSQSQueue(queue=self.queue, clock=self.clock)
        self.world = World(
            clock=self.clock,
            storage=self.storage,
            prober=Watched(self.prober, "prober", switch),
            queue=self.video_queue,
            dead_letters=Watched(self.dead, "dead_letters", switch),
        )
        paper = PaperProcessor(storage=self.storage, heartbeat=self._heartbeat, patience_seconds=2.0)
        self.processor = ScriptedProcessor(paper)
        self.folder = Path(tempfile.mkdtemp(prefix="academy-video-lab-"))
        self.browser = httpx.Client(trust_env=False)
        self.workers = 0
        self.stopping = threading.Event()
        self.seen = Verdict()
        self._seen_ready: set[int] = set()

    # What clients do.

    def init(self, *, size_bytes: int = SINGLE_BYTES, is_playable: bool = True) -> tuple[UploadRecord, UploadTicket]:
        record = self.journal.begin(size_bytes=size_bytes, is_playable=is_playable)
        ticket = init_upload(
            tenant=self.tenant,
            actor="user:1",
            created_by_id=None,
            title="1강",
            filename="lecture.mp4",
            size_bytes=size_bytes,
            content_type="video/mp4",
            session="",
            storage=self.storage,
            clock=self.clock,
        )
        self.journal.note(record, video_id=ticket.video.pk)
        return record, ticket

    def put(self, record: UploadRecord, ticket: UploadTicket) -> None:
        """Send the bytes, past us as always."""
        body = bytes(record.size_bytes)
        if ticket.upload_url is not None:
            answer = self.browser.put(ticket.upload_url, content=body, headers=dict(ticket.headers))
            assert answer.status_code in {200, 412}, answer.text
        else:
            self._put_parts(ticket, body)
        self.journal.note(record, bytes_acknowledged=True)

    def complete(self, record: UploadRecord, *, checksums: Mapping[str, str] = NO_CHECKSUMS) -> None:
        assert record.video_id is not None
        try:
            complete_upload(
                tenant=self.tenant,
                video_id=record.video_id,
                actor="user:1",
                storage=self.storage,
                prober=self.world.prober,
                queue=self.video_queue,
                clock=self.clock,
                checksums=checksums,
            )
        except UploadChecksumMismatch:
            # 422: send it again, says the answer, and it was not settled.
            return
        except InvalidStatus:
            self.journal.note(record, complete_answer=409)
        except UnsupportedMedia:
            self.journal.note(record, complete_answer=422)
        except EnqueueFailed:
            # 503: the upload is safe, says the answer.
            self.journal.note(record, complete_answer=200)
        else:
            self.journal.note(record, complete_answer=200)

    def upload(self, **options: Any) -> UploadRecord:
        record, ticket = self.init(**options)
        self.put(record, ticket)
        self.complete(record)
        return record

    def delete(self, record: UploadRecord) -> None:
        self.journal.note(record, delete_asked=True)
        assert record.video_id is not None
        with suppress(VideoError):
            delete_video(tenant=self.tenant, video_id=record.video_id, actor="user:1", clock=self.clock)
        self.journal.note(record, delete_acknowledged=True)

    def retry(self, record: UploadRecord) -> None:
        self.journal.note(record, encodes_asked=record.encodes_asked + 1)
        assert record.video_id is not None
        with suppress(VideoError):
            retry_video(
                tenant=self.tenant,
                video_id=record.video_id,
                actor="user:1",
                queue=self.video_queue,
                clock=self.clock,
            )

    def cancel(self, record: UploadRecord) -> None:
        self.journal.note(record, cancel_asked=True)
        assert record.video_id is not None
        with suppress(VideoError):
            cancel_video(tenant=self.tenant, video_id=record.video_id, actor="user:1", clock=self.clock)
            self.journal.note(record, cancel_acknowledged=True)

    # What runs by itself.

    @contextmanager
    def working(self, *, workers: int, before_leaving: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Let workers consume in threads, as in processes of their own, until the end of the block."""
        leaving = threading.Event()

        def consume(handler: MessageHandler) -> None:
            try:
                while not leaving.wait(0.1):
                    consume_once(queue=self.queue, handler=handler, wait_seconds=0)
            finally:
                connection.close()

        threads = [threading.Thread(target=consume, args=(self.handler(),), daemon=True) for _ in range(workers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            leaving.set()
            before_leaving()
            for thread in threads:
                thread.join(timeout=30)

    def wait_ready(self, record: UploadRecord, *, timeout_seconds: float) -> None:
        """Wait, by the machine's clock, until an upload can be watched, and complain if it cannot in time."""

        def is_ready() -> bool:
            rows = _query(f"SELECT status FROM video WHERE id = {record.video_id}")
            return bool(rows[0]["status"] == "READY")

        try:
            wait_until(is_ready, timeout_seconds=timeout_seconds)
        except AssertionError:
            self.seen.add("stuck", f"video {record.video_id} is not READY after {timeout_seconds:.0f} s")

    def renew_running_lease(self) -> None:
        """Renew what its worker would, who has made progress."""
        job = VideoTranscodeJob.objects.for_tenant(self.tenant).filter(state="RUNNING").first()
        if job is None:
            raise LeaseLost("nobody's job runs")
        self._heartbeat(transcode.claim_of(job), 20.0)

    def relay(self) -> int:
        return drain_once(queue=self.queue, clock=self.clock).sent

    def worker(self) -> int:
        """Receive once, by a worker that has just been started: a killed one does not come back."""
        return len(consume_once(queue=self.queue, handler=self.handler(), wait_seconds=0))

    def handler(self) -> MessageHandler:
        """Return a worker's."""
        self.workers += 1
        return MessageHandler(
            queue=self.queue,
            queue_name=settings.VIDEO_SQS_QUEUE_NAME,
            processor=self.processor,
            helper=NobodyHelps(),
            worker_id=f"worker-{self.workers}",
            lease_seconds=self.lease_seconds,
            handover_seconds=settings.VIDEO_HANDOVER_SECONDS,
            work_folder=self.folder,
            stopping=self.stopping,
            clock=self.clock,
        )

    def reconciler(self) -> int:
        return sum(report.repaired for report in run_once(self.world))

    def watch(self) -> None:
        """Look after a step: who could watch a video still can."""
        facts = read_facts(_query)
        for video in facts.videos:
            if video["status"] == "READY":
                self._seen_ready.add(video["id"])
            elif video["id"] in self._seen_ready and video["deleted_at"] is None:
                self.seen.add("lost", f"video {video['id']} was READY and is {video['status']}")

    def come_to_rest(self) -> Verdict:
        """Let time pass and everything run until all is right and stays so, with all faults over. Say what is wrong."""
        self.line.faults = QueueFaults(stale_delete=self.line.faults.stale_delete)
        self.stopping.clear()
        self.processor.failures.clear()
        self.processor.interruptions.clear()
        self.processor.last_words.clear()
        for seconds in self.patience_seconds:
            self._run_after(seconds)
            if self.verdict().is_clean:
                self._run_after(AFTERWARDS_SECONDS)
                break
        return self.verdict()

    def verdict(self) -> Verdict:
        """Judge what is there now."""
        verdict = judge(
            journal=self.journal,
            facts=read_facts(_query),
            bucket=self._listing(),
            now=self.clock.now(),
            queue_left=self.line.bodies,
            dead_letters=[*self.line.dead, *self.dead.bodies],
        )
        not_seen_to = [category for process, category in SEEN_TO_BY if process not in self.runs]
        return verdict.without(*not_seen_to).merge(self.seen)

    def _run_after(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)
        for _ in range(MOST_STEPS):
            if not sum(getattr(self, name)() for name in sorted(self.runs)):
                return

    def close(self) -> None:
        """Remove what is outside the database."""
        self.browser.close()
        empty_bucket(self.bucket, self._prefix)
        with suppress(OSError):
            self.folder.rmdir()

    @property
    def _prefix(self) -> str:
        return f"tenants/{self.tenant.pk}/"

    def _heartbeat(self, claim: ClaimedJob, percent: float) -> None:
        """What the lease's thread does beside the work, here in its midst: a point is a point on any thread."""
        progress = JobProgress(stage="encoding", percent=percent, remaining_seconds=None)
        transcode.renew_lease(claim=claim, progress=progress, lease_seconds=self.lease_seconds, clock=self.clock)

    def _put_parts(self, ticket: UploadTicket, body: bytes) -> None:
        size_bytes = ticket.part_size_bytes or 0
        contents = [body[start : start + size_bytes] for start in range(0, len(body), size_bytes)]
        parts = sign_parts(
            tenant=self.tenant,
            video_id=ticket.video.pk,
            part_numbers=list(range(1, len(contents) + 1)),
            checksums=[crc(content) for content in contents],
            storage=self.bucket,
            clock=self.clock,
        ).parts
        for part, content in zip(parts, contents, strict=True):
            answer = self.browser.put(part.url, content=content, headers=dict(part.headers))
            assert answer.status_code == 200, answer.text

    def _listing(self) -> Bucket:
        return Bucket(
            sizes={entry.key: entry.size_bytes for entry in self.bucket.list_objects(self._prefix)},
            multiparts=[upload.key for upload in self.bucket.list_multiparts(self._prefix)],
            read=self.bucket.read_bytes,
        )


@contextmanager
def lab(**options: Any) -> Iterator[Lab]:
    """Open a lab, and leave nothing behind but its tenant."""
    opened = Lab(**options)
    try:
        yield opened
    finally:
        opened.close()


def empty_tables() -> None:
    """Remove all rows of the pipeline: invariants look at every tenant's."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE video, outbox_message, video_tenant_usage, video_invariant_round CASCADE")


def _query(sql: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
