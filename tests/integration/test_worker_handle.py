"""Promises about one message: it is deleted only when what it asked for has its outcome in the table."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.relay import drain_once
from apps.support.video import wiring
from apps.support.video.domain.contracts import ClaimedJob, TranscodeMessage, TranscodeOutput
from apps.support.video.domain.errors import LeaseLost
from apps.support.video.models import TranscodeChunk, Video, VideoTranscodeJob
from apps.support.video.recovery.invariants import RunningJobHasLease
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.services.stopping import acknowledge_stop
from apps.worker.video_worker.consumer import consume_once
from apps.worker.video_worker.handle import MOST_HELD_RECEIVES, MessageHandler, Outcome
from apps.worker.video_worker.lease import ProgressReporter
from apps.worker.video_worker.video.ledger import ChunkLedger
from libs.clock import SystemClock
from libs.media.facts import MediaRejected
from libs.media.ffmpeg import EncodeFailed
from libs.media.ffprobe import SourceChanged, SourceGone
from libs.media.process import ProcessAborted
from libs.queue.client import ReceivedMessage, SQSQueueClient
from libs.s3_client.client import StorageDenied, StorageThrottled, StorageUnavailable
from tests.support.attempts import processor_of
from tests.support.handling import Workshop, add_chunk, helper_of
from tests.support.media import clip
from tests.support.videos import Pipeline, all_rows, messages_of, output_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_SECONDS = 30.0
HANDOVER_SECONDS = 3600.0


@dataclass
class ScriptedProcessor:
    """Does what the test says instead of encoding."""

    act: Callable[[ClaimedJob, ProgressReporter], None] = lambda _claim, _progress: None
    claims: list[ClaimedJob] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def run(
        self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput:
        self.claims.append(claim)
        self.folders.append(folder)
        (folder / "half an encode").write_bytes(b"x")
        self.act(claim, progress)
        return output_of(claim)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@dataclass(frozen=True)
class TestQueue:
    """A queue of one test's own."""

    __test__ = False

    client: SQSQueueClient
    name: str

    def send(self, body: str) -> None:
        self.client.send_message(queue_name=self.name, message=body, group_id="demo")

    def left(self) -> tuple[int, int]:
        """Return how many messages can be received now, and how many are hidden."""
        depth = self.client.depth(queue_name=self.name)
        return depth.visible, depth.in_flight


@pytest.fixture(scope="module")
def sqs(sqs_engine: None) -> Any:
    return boto3.client("sqs", region_name=django_settings.SQS_REGION, endpoint_url=django_settings.SQS_ENDPOINT_URL)


@pytest.fixture
def queue(sqs: Any) -> TestQueue:
    name = f"worker-{uuid.uuid4()}"
    sqs.create_queue(QueueName=name)
    return TestQueue(client=wiring.job_queue(), name=name)


@pytest.fixture
def processor() -> ScriptedProcessor:
    return ScriptedProcessor()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@dataclass
class ScriptedHelper:
    """Does as many chunks as the test says."""

    chunks: int = 0
    calls: int = 0

    def help_out(self) -> int:
        self.calls += 1
        done, self.chunks = self.chunks, 0
        return done


@pytest.fixture
def helper() -> ScriptedHelper:
    return ScriptedHelper()


@pytest.fixture
def handler(
    queue: TestQueue,
    processor: ScriptedProcessor,
    helper: ScriptedHelper,
    stopping: threading.Event,
    tmp_path: Path,
) -> MessageHandler:
    return MessageHandler(
        queue=queue.client,
        queue_name=queue.name,
        processor=processor,
        helper=helper,
        worker_id="worker-a",
        lease_seconds=LEASE_SECONDS,
        handover_seconds=HANDOVER_SECONDS,
        work_folder=tmp_path,
        stopping=stopping,
    )


def consume(handler: MessageHandler, queue: TestQueue) -> Outcome:
    outcomes = consume_once(queue=queue.client, handler=handler, wait_seconds=5)
    assert len(outcomes) == 1
    return outcomes[0]


def uploaded(pipeline: Pipeline, queue: TestQueue) -> Video:
    video = pipeline.uploaded()
    queue.send(pipeline.message(video).to_json())
    return video


class TestEnds:
    def test_success_is_published_and_then_the_message_is_deleted(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        video = uploaded(pipeline, queue)
        seen: list[tuple[int, int]] = []
        processor.act = lambda _claim, _progress: seen.append(queue.left())

        assert consume(handler, queue) is Outcome.SUCCEEDED
        assert pipeline.fresh(video).status == "READY"
        assert (seen, queue.left()) == ([(0, 1)], (0, 0))

    def test_the_work_folder_is_empty_after_every_end(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        uploaded(pipeline, queue)
        consume(handler, queue)
        assert processor.folders
        assert list(handler.work_folder.iterdir()) == []

    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (MediaRejected(cause_code="INPUT_ENCRYPTED", detail="x"), "INPUT_ENCRYPTED"),
            (EncodeFailed(cause_code="INPUT_TRUNCATED", detail="x", is_files_fault=True), "INPUT_TRUNCATED"),
            (SourceChanged("412"), "UPLOAD_OVERWRITTEN"),
            (SourceGone("404"), "SOURCE_GONE"),
        ],
    )
    def test_a_file_at_fault_fails_for_good(
        self,
        pipeline: Pipeline,
        queue: TestQueue,
        handler: MessageHandler,
        processor: ScriptedProcessor,
        error: Exception,
        cause: str,
    ) -> None:
        video = uploaded(pipeline, queue)
        processor.act = raising(error)

        assert consume(handler, queue) is Outcome.FAILED
        assert (pipeline.fresh(video).status, pipeline.fresh(video).failure_code) == ("FAILED", cause)
        assert queue.left() == (0, 0)

    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (EncodeFailed(cause_code="ENCODER_CRASH", detail="x", is_files_fault=False), "ENCODER_CRASH"),
            (StorageUnavailable("away"), "OUTPUT_UPLOAD_FAILED"),
            (StorageDenied("403"), "STORAGE_DENIED"),
            (StorageThrottled("SlowDown"), "STORAGE_THROTTLED"),
            (OSError(28, "No space left on device"), "WORKER_DISK_FULL"),
            (OSError(11, "Resource temporarily unavailable"), "WORKER_OVERLOADED"),
            (FileNotFoundError(2, "ffmpeg was not found"), "WORKER_FAULTY"),
        ],
    )
    def test_what_is_our_fault_is_tried_again_with_a_message_of_its_own(
        self,
        pipeline: Pipeline,
        queue: TestQueue,
        handler: MessageHandler,
        processor: ScriptedProcessor,
        error: Exception,
        cause: str,
    ) -> None:
        video = uploaded(pipeline, queue)
        before = len(messages_of(pipeline.job_of(video)))
        processor.act = raising(error)

        expected = Outcome.HOST_UNFIT if isinstance(error, OSError) else Outcome.RETRY
        assert consume(handler, queue) is expected
        job = pipeline.job_of(video)
        assert (job.state, job.cause_code, job.failure_count) == ("RETRY_WAIT", cause, 1)
        assert len(messages_of(job)) == before + 1
        assert queue.left() == (0, 0)

    def test_a_bug_of_ours_is_named_at_once_and_raised_to_the_loop(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        video = uploaded(pipeline, queue)
        processor.act = raising(KeyError("codec"))

        with pytest.raises(KeyError):
            consume(handler, queue)
        job = pipeline.job_of(video)
        assert (job.state, job.cause_code, job.cause_detail) == ("RETRY_WAIT", "INTERNAL_BUG", "KeyError('codec')")
        assert queue.left() == (0, 1)

    def test_a_shutdown_hands_the_job_back_and_shows_the_message_again(
        self,
        pipeline: Pipeline,
        queue: TestQueue,
        handler: MessageHandler,
        processor: ScriptedProcessor,
        stopping: threading.Event,
    ) -> None:
        video = uploaded(pipeline, queue)

        def stop(_claim: ClaimedJob, progress: ProgressReporter) -> None:
            stopping.set()
            assert progress.should_stop()
            raise ProcessAborted("told to stop")

        processor.act = stop
        assert consume(handler, queue) is Outcome.HANDED_BACK
        job = pipeline.job_of(video)
        assert (job.state, job.failure_count, job.cause_code) == ("RETRY_WAIT", 0, "WORKER_SHUTDOWN")
        assert queue.left() == (1, 0)


class TestTenantAtItsLimit:
    def test_no_message_comes_again_and_again_and_all_videos_get_ready(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor, settings: Any
    ) -> None:
        """To a tenant with one slot and three videos: they follow each other, and nothing ends in the dead letters."""
        settings.VIDEO_TENANT_RUNNING_LIMIT = 1
        settings.VIDEO_SQS_QUEUE_NAME = queue.name
        videos = [uploaded(pipeline, queue) for _ in range(3)]
        OutboxMessage.objects.all().delete()
        seen: list[Outcome] = []

        def receive_the_others(_claim: ClaimedJob, _progress: ProgressReporter) -> None:
            processor.act = ScriptedProcessor.act
            seen.extend(consume(handler, queue) for _ in range(2))
            assert queue.left() == (0, 1)

        processor.act = receive_the_others
        assert consume(handler, queue) is Outcome.SUCCEEDED
        assert seen == [Outcome.TENANT_FULL, Outcome.TENANT_FULL]
        for _ in range(2):
            assert drain_once(queue=queue.client, clock=pipeline.clock).sent == 1
            assert consume(handler, queue) is Outcome.SUCCEEDED

        assert [pipeline.fresh(video).status for video in videos] == ["READY"] * 3
        assert queue.left() == (0, 0)
        assert not OutboxMessage.objects.filter(sent_at=None).exists()


def stopped_by(end: Callable[[], object]) -> Callable[[ClaimedJob, ProgressReporter], None]:
    """Return work in whose middle the job is ended by somebody, and that stops when it is told to."""

    def act(_claim: ClaimedJob, progress: ProgressReporter) -> None:
        end()
        progress.report(stage="encoding", percent=50.0)
        wait_until(progress.should_stop, timeout_seconds=10)
        raise ProcessAborted("told to stop")

    return act


class TestHandover:
    def test_before_the_queues_ceiling_the_job_goes_to_another_attempt_at_no_cost(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        """To the owner of a lecture of a day: finished chunks stay, and the retry budget is not touched."""
        video = uploaded(pipeline, queue)

        def work_on(claim: ClaimedJob, progress: ProgressReporter) -> None:
            finished_chunk(claim)
            wait_until(progress.should_stop, timeout_seconds=10)
            raise ProcessAborted("told to stop")

        processor.act = work_on
        assert consume(replace(handler, handover_seconds=0.2), queue) is Outcome.HANDED_BACK
        job = pipeline.job_of(video)
        assert (job.state, job.failure_count, job.cause_code) == ("RETRY_WAIT", 0, "WORKER_SHUTDOWN")
        assert job.cause_detail == "handed over before the queue's longest visibility"
        assert pipeline.claim(video, worker_id="worker-b").attempt == 2
        assert [chunk.state for chunk in TranscodeChunk.objects.for_tenant(pipeline.tenant)] == ["DONE"]

    def test_an_attempt_that_ends_in_time_is_not_handed_over(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler
    ) -> None:
        uploaded(pipeline, queue)
        assert consume(replace(handler, handover_seconds=60), queue) is Outcome.SUCCEEDED


def finished_chunk(claim: ClaimedJob) -> None:
    TranscodeChunk.objects.create(
        tenant_id=claim.tenant_id,
        job_id=claim.job_id,
        position=0,
        kind="video",
        number=0,
        start_seconds=0.0,
        state="DONE",
        state_changed_at=timezone.now(),
    )


def raising(error: Exception) -> Callable[[ClaimedJob, ProgressReporter], None]:
    def act(_claim: ClaimedJob, _progress: ProgressReporter) -> None:
        raise error

    return act


class TestNoWork:
    def test_an_unreadable_message_is_left_for_the_dead_letter_queue(
        self, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        queue.send("not json")
        before = all_rows()
        assert consume(handler, queue) is Outcome.UNREADABLE
        assert (processor.claims, all_rows()) == ([], before)
        assert queue.left() == (0, 1)

    def test_a_job_that_is_not_visible_yet_comes_again(
        self, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        queue.send(TranscodeMessage(job_id=uuid.uuid4(), video_id=1, tenant_id=1, file_key="k").to_json())
        assert consume(handler, queue) is Outcome.NOT_VISIBLE
        assert processor.claims == []
        assert queue.left() == (0, 1)

    def test_a_held_job_is_not_touched_and_its_message_is_hidden(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        video = uploaded(pipeline, queue)
        pipeline.claim(video, worker_id="worker-b", lease_seconds=600)
        before = all_rows()
        assert consume(handler, queue) is Outcome.HELD
        assert (processor.claims, all_rows()) == ([], before)
        assert queue.left() == (0, 1)

    def test_a_duplicate_does_not_come_again_until_it_ends_in_the_dead_letters(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler
    ) -> None:
        """To the operator: an encode that takes an hour is no alarm."""
        video = uploaded(pipeline, queue)
        pipeline.claim(video, worker_id="worker-b", lease_seconds=600)
        for _ in range(MOST_HELD_RECEIVES):
            (received,) = queue.client.receive(
                queue_name=queue.name, max_messages=1, wait_seconds=5, visibility_seconds=600
            )
            assert handler.handle(received) is Outcome.HELD
            assert queue.left() == (0, 1)
            queue.client.change_visibility(
                queue_name=queue.name, receipt_handle=received.receipt_handle, visibility_seconds=0
            )

        assert consume(handler, queue) is Outcome.HELD
        assert queue.left() == (0, 0)
        VideoTranscodeJob.objects.across_tenants().update(lease_until=timezone.now() - timedelta(seconds=5))
        run_once(pipeline.world, invariants=[RunningJobHasLease()])
        assert pipeline.job_of(video).state == "RETRY_WAIT"
        assert messages_of(pipeline.job_of(video))[-1].sent_at is None

    def test_a_settled_job_costs_its_message_and_nothing_else(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        video = uploaded(pipeline, queue)
        pipeline.publish(pipeline.claim(video))
        before = all_rows()
        assert consume(handler, queue) is Outcome.SETTLED
        assert (processor.claims, all_rows()) == ([], before)
        assert queue.left() == (0, 0)


class TestLostLease:
    def test_an_attempt_that_lost_its_job_stops_and_touches_nothing(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        video = uploaded(pipeline, queue)
        rows: list[dict[str, object]] = []

        def lose(_claim: ClaimedJob, progress: ProgressReporter) -> None:
            VideoTranscodeJob.objects.across_tenants().update(lease_until=timezone.now())
            pipeline.claim(video, worker_id="worker-b", lease_seconds=600)
            rows.append(dict(all_rows()))
            percents = iter(range(1, 100))

            def told() -> bool:
                progress.report(stage="encoding", percent=float(next(percents)))
                return progress.should_stop()

            wait_until(told, timeout_seconds=10, message="the loser is told to stop")
            raise ProcessAborted("told to stop")

        processor.act = lose
        assert consume(handler, queue) is Outcome.LEASE_LOST
        assert all_rows() == rows[0]

    def test_an_attempt_that_finishes_too_late_publishes_nothing(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        video = uploaded(pipeline, queue)
        claims: list[ClaimedJob] = []

        def lose(_claim: ClaimedJob, _progress: ProgressReporter) -> None:
            VideoTranscodeJob.objects.across_tenants().update(lease_until=timezone.now())
            claims.append(pipeline.claim(video, worker_id="worker-b", lease_seconds=600))

        processor.act = lose
        assert consume(handler, queue) is Outcome.LEASE_LOST
        assert pipeline.fresh(video).status == "PROCESSING"
        pipeline.publish(claims[0])
        assert pipeline.fresh(video).published_prefix == claims[0].output_prefix

    @pytest.mark.parametrize("end", ["cancel", "delete"])
    def test_a_cancel_and_a_delete_stop_the_worker_and_are_no_retry(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor, end: str
    ) -> None:
        video = uploaded(pipeline, queue)
        processor.act = stopped_by(lambda: getattr(pipeline, end)(video))
        assert consume(handler, queue) is Outcome.LEASE_LOST
        job = pipeline.job_of(video)
        assert (job.state, job.failure_count, job.next_attempt_at) == ("CANCELLED", 0, None)
        assert len(messages_of(job)) == 1

    def test_a_job_of_which_only_a_chunk_was_lost_is_handed_back(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        """To the uploader: no lease is waited for, and no attempt of the budget is spent on a file that is sound."""
        video = uploaded(pipeline, queue)
        processor.act = raising(LeaseLost("chunk 7"))
        assert consume(handler, queue) is Outcome.HANDED_BACK
        job = pipeline.job_of(video)
        assert (job.state, job.failure_count, job.cause_detail) == ("RETRY_WAIT", 0, "lost a chunk to another worker")
        assert queue.left() == (1, 0)
        assert pipeline.claim(video, worker_id="worker-b").attempt == 2

    def test_a_forced_retry_starts_as_soon_as_the_old_worker_has_stopped(
        self, pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
    ) -> None:
        """To the operator: long before the old lease would have run out."""
        video = uploaded(pipeline, queue)
        processor.act = stopped_by(lambda: pipeline.retried(video, force=True))
        assert consume(handler, queue) is Outcome.LEASE_LOST
        job = pipeline.job_of(video)
        assert job.next_attempt_at is not None
        assert job.next_attempt_at <= timezone.now()
        assert (job.state, messages_of(job)[-1].due_at) == ("RETRY_WAIT", job.next_attempt_at)
        assert pipeline.claim(video, worker_id="worker-b").job_id == job.pk

    def test_a_helper_says_too_that_it_has_stopped(self, pipeline: Pipeline, tmp_path: Path) -> None:
        """To the operator: the next job need not wait for the lease of a helper that has noticed."""
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        add_chunk(claim)

        def force_out() -> None:
            pipeline.retried(video, force=True)
            acknowledge_stop(claim=claim, clock=pipeline.clock)
            assert pipeline.job_of(video).waits_for_id == claim.job_id
            raise ProcessAborted("told to stop")

        helper = helper_of(Workshop(force_out), work_folder=tmp_path)
        assert helper.help_out() == 0
        job = pipeline.job_of(video)
        assert (job.waits_for_id, messages_of(job)[-1].due_at) == (None, job.next_attempt_at)
        assert not TranscodeChunk.objects.for_tenant(pipeline.tenant).exists()


def test_a_database_connection_that_is_cut_costs_no_encode(
    pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, processor: ScriptedProcessor
) -> None:
    """Hours of work must not hang on a connection that idled meanwhile."""
    video = uploaded(pipeline, queue)

    def cut(_claim: ClaimedJob, progress: ProgressReporter) -> None:
        progress.report(stage="encoding", percent=10.0)
        wait_until(lambda: pipeline.job_of(video).progress_percent == 10.0, timeout_seconds=10)
        end_all_connections()
        progress.report(stage="encoding", percent=60.0)

    processor.act = cut
    try:
        assert consume(handler, queue) is Outcome.SUCCEEDED
    finally:
        # The end of the test needs a connection too, whatever became of this one.
        connection.close()
    assert pipeline.fresh(video).status == "READY"


def end_all_connections() -> None:
    """Cut every connection to the test's database, from one beside the pool that holds them."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as outside:
        outside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_message_becomes_a_video_that_plays(
    pipeline: Pipeline, queue: TestQueue, handler: MessageHandler, s3_engine: None
) -> None:
    """The whole way with nothing replaced: real queue, table, storage and encoder."""
    storage = wiring.storage()
    body = clip("small").read_bytes()
    video = pipeline.pending(size_bytes=len(body))
    storage.write_bytes(pipeline.upload_of(video).file_key, body, content_type="video/mp4")
    pipeline.storage = storage  # type: ignore[assignment]
    pipeline.complete(video)
    queue.send(pipeline.message(video).to_json())
    real = MessageHandler(
        queue=queue.client,
        queue_name=queue.name,
        processor=processor_of(storage),
        helper=handler.helper,
        worker_id="worker-a",
        lease_seconds=LEASE_SECONDS,
        handover_seconds=HANDOVER_SECONDS,
        work_folder=handler.work_folder,
        stopping=handler.stopping,
    )
    assert consume(real, queue) is Outcome.SUCCEEDED
    ready = pipeline.fresh(video)
    assert (ready.status, ready.width, ready.height) == ("READY", 640, 360)
    assert storage.read_bytes(ready.master_key).startswith(b"#EXTM3U")


def test_a_receipt_that_is_stale_does_not_undo_an_outcome(
    pipeline: Pipeline, queue: TestQueue, handler: MessageHandler
) -> None:
    video = uploaded(pipeline, queue)
    stale = ReceivedMessage(
        message_id="1", body=pipeline.message(video).to_json(), receipt_handle="gone", receive_count=1
    )
    assert handler.handle(stale) is Outcome.SUCCEEDED
    assert pipeline.fresh(video).status == "READY"
