"""Promises about an attempt's life: one holder at a time, a fence for the others, an end for every one."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from apps.core.models import TenantEncoding, TenantLimits
from apps.support.outbox.relay import drain_once
from apps.support.video.domain.chunks import ChunkKind, ClaimedChunk
from apps.support.video.domain.contracts import ClaimedJob, EncodingChoices, JobProgress
from apps.support.video.domain.errors import (
    InvalidStatus,
    JobHeld,
    JobNotVisible,
    JobSettled,
    LeaseLost,
    TransitionRefused,
)
from apps.support.video.domain.lifecycle import EventName, JobState
from apps.support.video.models import TranscodeChunk, Video, VideoTranscodeJob, VideoUpload
from apps.support.video.recovery.invariants import RunningJobHasLease
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.services.chunks import claim_chunk
from apps.support.video.services.jobs import Retry, RetryDetail
from apps.support.video.services.lifecycle import lock_video, move_job
from apps.support.video.services.stopping import acknowledge_chunk_stop, acknowledge_stop
from apps.support.video.services.transcode import claim_job, hand_back_job, renew_lease
from tests.support.videos import LEASE_SECONDS, NOON, Pipeline, all_rows, messages_of
from tests.support.waiting import locks_are_waited_for, wait_until

pytestmark = pytest.mark.django_db

HALF_WAY = JobProgress(stage="encoding", percent=50.0, remaining_seconds=30.0)


HELP_SECONDS = LEASE_SECONDS + 30


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def renew(pipeline: Pipeline, claim: ClaimedJob, progress: JobProgress = HALF_WAY) -> None:
    renew_lease(claim=claim, progress=progress, lease_seconds=LEASE_SECONDS, clock=pipeline.clock)


def hand_back(pipeline: Pipeline, claim: ClaimedJob) -> None:
    hand_back_job(claim=claim, clock=pipeline.clock)


# Everything that a worker may write for its attempt.
WRITES: dict[str, Callable[[Pipeline, ClaimedJob], object]] = {
    "renew": renew,
    "publish": lambda pipeline, claim: pipeline.publish(claim),
    "fail": lambda pipeline, claim: pipeline.fail(claim),
    "retry": lambda pipeline, claim: pipeline.retry_later(claim),
    "hand_back": hand_back,
}


class TestClaim:
    def test_a_claim_tells_the_worker_all_that_it_needs(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        upload, job = pipeline.upload_of(video), pipeline.job_of(video)

        assert pipeline.claim(video) == ClaimedJob(
            job_id=job.pk,
            video_id=video.pk,
            tenant_id=pipeline.tenant.pk,
            attempt=1,
            source_key=upload.file_key,
            source_etag=upload.etag,
            source_size_bytes=1000,
            verified=True,
            output_prefix=f"tenants/{pipeline.tenant.pk}/video/hls/{video.pk}/{job.pk}-1/",
            longest_seconds=43_200.0,
        )

    def test_a_tenants_own_limit_on_the_length_reaches_the_worker(self, pipeline: Pipeline) -> None:
        TenantLimits.objects.create(tenant=pipeline.tenant, duration_seconds=600.0)
        assert pipeline.claim(pipeline.uploaded()).longest_seconds == 600.0

    def test_a_tenants_own_choices_of_encoding_reach_the_worker(self, pipeline: Pipeline) -> None:
        TenantEncoding.objects.create(tenant=pipeline.tenant, highest_short_side=720, evens_loudness=True)
        claim = pipeline.claim(pipeline.uploaded())
        assert claim.encoding == EncodingChoices(
            highest_short_side=720, quality=23, preset="veryfast", evens_loudness=True
        )

    def test_a_claimed_job_is_running_with_a_lease_and_shows_as_processing(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        pipeline.claim(video, worker_id="host-3", lease_seconds=60)

        job = pipeline.job_of(video)
        assert (job.state, job.worker_id, job.attempt_count) == ("RUNNING", "host-3", 1)
        assert (job.lease_until, job.started_at) == (NOON + timedelta(seconds=60), NOON)
        assert pipeline.fresh(video).status == "PROCESSING"
        assert pipeline.events_of(video)[-1] == "job_claimed"

    def test_a_job_that_is_not_there_yet_is_left_for_redelivery(self, pipeline: Pipeline) -> None:
        message = replace(pipeline.message(pipeline.uploaded()), job_id=uuid.uuid4())
        before = all_rows()
        with pytest.raises(JobNotVisible):
            claim_job(message=message, worker_id="w", lease_seconds=60, clock=pipeline.clock)
        assert all_rows() == before

    @pytest.mark.parametrize("wrong", ["tenant_id", "video_id"])
    def test_a_message_with_another_owners_ids_claims_nothing(self, pipeline: Pipeline, wrong: str) -> None:
        mine, theirs = pipeline.uploaded(), Pipeline(code="theirs").uploaded()
        changes: dict[str, Any] = {wrong: {"tenant_id": theirs.tenant_id, "video_id": theirs.pk}[wrong]}
        message = replace(pipeline.message(mine), **changes)
        before = all_rows()
        with pytest.raises(JobNotVisible):
            claim_job(message=message, worker_id="w", lease_seconds=60, clock=pipeline.clock)
        assert all_rows() == before

    def test_a_second_worker_is_told_how_long_the_job_is_held(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        pipeline.claim(video, lease_seconds=60)
        pipeline.fixed_clock.advance(seconds=20)
        before = all_rows()

        with pytest.raises(JobHeld) as held:
            pipeline.claim(video, worker_id="worker-b")
        assert 40 <= held.value.retry_after_seconds <= 42
        assert all_rows() == before

    def test_a_retry_that_is_not_due_is_held_until_it_is(self, pipeline: Pipeline) -> None:
        video = pipeline.retry_wait()
        due = pipeline.job_of(video).next_attempt_at
        assert due is not None
        before = all_rows()

        with pytest.raises(JobHeld) as held:
            pipeline.claim(video)
        assert held.value.retry_after_seconds >= (due - NOON).total_seconds()
        assert all_rows() == before

    @pytest.mark.parametrize("state", ["ready", "failed", "dead", "cancelled"])
    def test_a_job_with_an_outcome_is_settled_so_that_its_message_can_go(self, pipeline: Pipeline, state: str) -> None:
        video = pipeline.in_state(state)
        before = all_rows()
        with pytest.raises(JobSettled):
            pipeline.claim(video)
        assert all_rows() == before

    def test_a_deleted_videos_job_is_settled(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        message = pipeline.message(video)
        pipeline.delete(video)
        before = all_rows()
        with pytest.raises(JobSettled):
            claim_job(message=message, worker_id="w", lease_seconds=60, clock=pipeline.clock)
        assert all_rows() == before

    def test_a_retry_that_is_due_is_requeued_and_claimed_in_one_go(self, pipeline: Pipeline) -> None:
        video = pipeline.retry_wait()
        pipeline.fixed_clock.advance(seconds=10)

        claim = pipeline.claim(video)
        assert claim.attempt == 2
        assert claim.output_prefix.endswith("-2/")
        assert pipeline.events_of(video)[-2:] == ["job_requeued", "job_claimed"]
        assert pipeline.job_of(video).next_attempt_at is None

    def test_a_message_alone_takes_a_job_from_a_silent_worker(self, pipeline: Pipeline) -> None:
        """To the uploader: the reconciler may be down, and a worker's death still costs only its lease."""
        video = pipeline.uploaded()
        first = pipeline.claim(video, lease_seconds=60)
        pipeline.fixed_clock.advance(seconds=61)

        second = pipeline.claim(video, worker_id="worker-b")
        assert (first.attempt, second.attempt) == (1, 2)
        assert pipeline.events_of(video)[-4:] == ["job_claimed", "job_lease_expired", "job_requeued", "job_claimed"]
        job = pipeline.job_of(video)
        assert (job.state, job.worker_id, job.failure_count) == ("RUNNING", "worker-b", 1)

    def test_the_last_lease_that_runs_out_ends_the_job_as_our_fault(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        VideoTranscodeJob.objects.for_tenant(pipeline.tenant).update(max_attempts=1)
        pipeline.claim(video)
        pipeline.fixed_clock.advance(seconds=61)

        with pytest.raises(JobSettled):
            pipeline.claim(video, worker_id="worker-b")
        assert pipeline.job_of(video).state == "DEAD"
        found = pipeline.fresh(video)
        assert (found.status, found.failure_code) == ("FAILED", "WORKER_LOST")


class TestFence:
    @pytest.mark.parametrize("write", sorted(WRITES))
    def test_an_attempt_that_was_overtaken_can_write_nothing(self, pipeline: Pipeline, write: str) -> None:
        """To the viewer: two workers on one job never mix their outputs."""
        video = pipeline.uploaded()
        stale = pipeline.claim(video)
        pipeline.fixed_clock.advance(seconds=61)
        pipeline.claim(video, worker_id="worker-b")
        before = all_rows()

        with pytest.raises(LeaseLost):
            WRITES[write](pipeline, stale)
        assert all_rows() == before

    @pytest.mark.parametrize("write", sorted(WRITES))
    def test_a_cancelled_attempt_finds_out_and_can_write_nothing(self, pipeline: Pipeline, write: str) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        pipeline.cancel(video)
        before = all_rows()

        with pytest.raises(LeaseLost):
            WRITES[write](pipeline, claim)
        assert all_rows() == before
        assert pipeline.job_of(video).state == "CANCELLED"

    @pytest.mark.parametrize("write", sorted(WRITES))
    def test_an_attempt_on_a_deleted_video_can_write_nothing(self, pipeline: Pipeline, write: str) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        pipeline.delete(video)
        before = all_rows()

        with pytest.raises(LeaseLost):
            WRITES[write](pipeline, claim)
        assert all_rows() == before

    @pytest.mark.parametrize("write", sorted(WRITES))
    @pytest.mark.parametrize("end", ["publish", "fail", "retry", "hand_back"])
    def test_an_attempt_ends_once(self, pipeline: Pipeline, end: str, write: str) -> None:
        claim = pipeline.claim(pipeline.uploaded())
        WRITES[end](pipeline, claim)
        before = all_rows()

        with pytest.raises(LeaseLost):
            WRITES[write](pipeline, claim)
        assert all_rows() == before

    @pytest.mark.parametrize("write", sorted(WRITES))
    def test_a_claim_under_another_tenant_writes_nothing(self, pipeline: Pipeline, write: str) -> None:
        claim = pipeline.claim(pipeline.uploaded())
        forged = replace(claim, tenant_id=Pipeline(code="theirs").tenant.pk)
        before = all_rows()

        with pytest.raises(LeaseLost):
            WRITES[write](pipeline, forged)
        assert all_rows() == before

    @pytest.mark.parametrize("event", ["job_succeeded", "job_failed", "job_lease_expired", "job_attempts_exhausted"])
    def test_whoever_has_read_an_earlier_attempt_writes_nothing(self, pipeline: Pipeline, event: str) -> None:
        """The same state again, but of a later attempt: between their read and their write the job changed hands."""
        video = pipeline.uploaded()
        pipeline.claim(video)
        read_before = pipeline.job_of(video)
        pipeline.fixed_clock.advance(seconds=61)
        pipeline.claim(video, worker_id="worker-b")
        before = all_rows()

        with pytest.raises(TransitionRefused), transaction.atomic():
            move_job(job=read_before, event=EventName(event), actor="late", now=pipeline.clock.now())
        assert all_rows() == before


class TestRenew:
    def test_a_heartbeat_moves_lease_and_progress_together(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        pipeline.fixed_clock.advance(seconds=30)
        renew(pipeline, claim)

        job = pipeline.job_of(video)
        assert job.lease_until == NOON + timedelta(seconds=90)
        assert (job.stage, job.progress_percent, job.remaining_seconds) == ("encoding", 50.0, 30.0)
        assert job.progress_at == NOON + timedelta(seconds=30)

    def test_a_heartbeat_writes_no_event(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        before = pipeline.events_of(video)
        renew(pipeline, claim)
        assert pipeline.events_of(video) == before

    def test_a_late_heartbeat_of_a_job_that_nobody_took_keeps_it(self, pipeline: Pipeline) -> None:
        claim = pipeline.claim(pipeline.uploaded())
        pipeline.fixed_clock.advance(seconds=61)
        renew(pipeline, claim)


class TestPublish:
    def test_ready_and_the_pointer_come_in_one_commit(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        pipeline.publish(claim)

        found = pipeline.fresh(video)
        assert (found.status, found.published_prefix, found.published_at) == ("READY", claim.output_prefix, NOON)
        assert found.master_key == f"{claim.output_prefix}master.m3u8"
        assert found.thumbnail_key == f"{claim.output_prefix}thumbnail.jpg"
        assert (found.duration_seconds, found.width, found.height) == (12.5, 1280, 720)
        job = pipeline.job_of(video)
        assert (job.state, job.progress_percent, job.finished_at) == ("SUCCEEDED", 100.0, NOON)
        assert pipeline.events_of(video)[-1] == "job_succeeded"

    @pytest.mark.parametrize(
        ("was_verified", "facts"), [(False, {"duration_seconds": 12.5}), (True, {"from": "complete"})]
    )
    def test_what_complete_had_no_time_to_verify_is_known_afterwards(
        self, pipeline: Pipeline, *, was_verified: bool, facts: dict[str, object]
    ) -> None:
        video = pipeline.uploaded()
        uploads = VideoUpload.objects.for_tenant(pipeline.tenant).filter(video=video)
        uploads.update(verified=was_verified, media_facts={"from": "complete"} if was_verified else {})

        pipeline.publish(pipeline.claim(video))

        assert uploads.values_list("verified", "media_facts").get() == (True, facts)

    def test_a_success_forgets_the_failure_before_it(self, pipeline: Pipeline) -> None:
        video = pipeline.failed()
        assert pipeline.fresh(video).failure_code == "INPUT_MALFORMED"
        pipeline.retry(video)
        assert pipeline.fresh(video).failure_code == ""
        pipeline.publish(pipeline.claim(video))
        assert (pipeline.fresh(video).status, pipeline.fresh(video).failure_code) == ("READY", "")

    def test_the_database_itself_refuses_ready_without_output(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        with pytest.raises(IntegrityError, match="video_ready_is_published"), transaction.atomic():
            Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(status="READY")


class TestFailure:
    def test_a_bad_file_ends_the_job_and_says_why(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        pipeline.fail(pipeline.claim(video), cause_code="INPUT_TRUNCATED")

        found, job = pipeline.fresh(video), pipeline.job_of(video)
        assert (found.status, found.failure_code, found.failure_detail) == ("FAILED", "INPUT_TRUNCATED", "broken")
        assert (job.state, job.cause_code, job.finished_at) == ("FAILED", "INPUT_TRUNCATED", NOON)
        assert len(messages_of(job)) == 1

    def test_a_failure_of_ours_waits_and_its_message_is_in_the_same_commit(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        assert pipeline.retry_later(pipeline.claim(video)) is JobState.RETRY_WAIT

        job = pipeline.job_of(video)
        assert (job.state, job.failure_count, job.cause_code) == ("RETRY_WAIT", 1, "ENCODER_CRASH")
        assert job.next_attempt_at is not None
        assert NOON + timedelta(seconds=2.5) <= job.next_attempt_at <= NOON + timedelta(seconds=5)
        first, second = messages_of(job)
        assert (second.due_at, second.sent_at, second.body) == (job.next_attempt_at, None, first.body)
        assert (pipeline.fresh(video).status, pipeline.fresh(video).failure_code) == ("UPLOADED", "")

    def test_the_budget_ends_the_job_as_our_fault_and_sends_nothing_more(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        VideoTranscodeJob.objects.for_tenant(pipeline.tenant).update(max_attempts=3)
        states = []
        for _ in range(3):
            states.append(pipeline.retry_later(pipeline.claim(video)))
            pipeline.fixed_clock.advance(seconds=1000)

        assert states == [JobState.RETRY_WAIT, JobState.RETRY_WAIT, JobState.DEAD]
        job, found = pipeline.job_of(video), pipeline.fresh(video)
        assert (job.state, job.failure_count, job.attempt_count) == ("DEAD", 3, 3)
        assert (found.status, found.failure_code) == ("FAILED", "ENCODER_CRASH")
        assert len(messages_of(job)) == 3
        assert pipeline.events_of(video)[-1] == "job_attempts_exhausted"

    def test_handing_back_costs_nothing_of_the_budget(self, pipeline: Pipeline) -> None:
        """To the operator: any number of deployments during one encode never kills its job."""
        video = pipeline.uploaded()
        VideoTranscodeJob.objects.for_tenant(pipeline.tenant).update(max_attempts=2)
        for attempt in range(1, 6):
            claim = pipeline.claim(video)
            assert claim.attempt == attempt
            hand_back(pipeline, claim)

        job = pipeline.job_of(video)
        assert (job.state, job.failure_count, job.next_attempt_at) == ("RETRY_WAIT", 0, NOON)
        assert (messages_of(job)[-1].sent_at, messages_of(job)[-1].due_at) == (None, NOON)
        # Nor does the first failure of ours find it used up.
        assert pipeline.retry_later(pipeline.claim(video)) is JobState.RETRY_WAIT
        assert pipeline.job_of(video).failure_count == 1


class TestCancelAndRetry:
    def test_cancelling_ends_the_job_and_the_budget_cannot_bring_it_back(self, pipeline: Pipeline) -> None:
        """To the uploader: a cancel never turns into a retry."""
        video = pipeline.processing()
        pipeline.cancel(video)

        found, job = pipeline.fresh(video), pipeline.job_of(video)
        assert (found.status, found.failure_code) == ("FAILED", "CANCELLED")
        assert (job.state, job.finished_at, job.next_attempt_at) == ("CANCELLED", NOON, None)
        pipeline.fixed_clock.advance(seconds=10_000)
        with pytest.raises(JobSettled):
            pipeline.claim(video)

    @pytest.mark.parametrize("state", ["failed", "dead", "cancelled"])
    def test_retry_starts_a_new_job_with_a_prefix_of_its_own(self, pipeline: Pipeline, state: str) -> None:
        video = pipeline.in_state(state)
        old = pipeline.job_of(video)
        job = pipeline.retry(video)

        assert job.pk != old.pk
        assert (job.state, job.attempt_count, job.failure_count) == ("QUEUED", 0, 0)
        found = pipeline.fresh(video)
        assert (found.status, found.current_job_id, found.failure_code) == ("UPLOADED", job.pk, "")
        assert str(job.pk) in pipeline.claim(video).output_prefix
        assert VideoTranscodeJob.objects.for_tenant(pipeline.tenant).get(pk=old.pk).state == old.state

    def test_the_relay_sends_a_retry_at_once(self, pipeline: Pipeline) -> None:
        """To the person who pressed the button: nobody else is going to send it."""
        job = pipeline.retry(pipeline.failed())
        (message,) = messages_of(job)
        assert (message.due_at, message.sent_at) == (NOON, None)

    @pytest.mark.parametrize("force", [False, True])
    @pytest.mark.parametrize("state", ["pending", "expired", "refused"])
    def test_retry_is_refused_where_there_is_no_source(self, pipeline: Pipeline, state: str, force: bool) -> None:
        video = pipeline.in_state(state)
        before = all_rows()
        with pytest.raises(InvalidStatus):
            pipeline.retried(video, force=force)
        assert all_rows() == before

    @pytest.mark.parametrize("state", ["uploaded", "processing", "retry_wait", "reencoding"])
    def test_retry_of_a_video_with_an_active_job_answers_with_that_one(self, pipeline: Pipeline, state: str) -> None:
        """To the person who presses twice: nothing happens twice."""
        video = pipeline.in_state(state)
        current, before = pipeline.job_of(video), all_rows()
        assert pipeline.retried(video) == Retry(job=current, detail=RetryDetail.ALREADY_ACTIVE)
        assert all_rows() == before

    @pytest.mark.parametrize("state", ["uploaded", "retry_wait", "reencoding"])
    def test_force_replaces_a_job_that_nobody_works_on_at_once(self, pipeline: Pipeline, state: str) -> None:
        video = pipeline.in_state(state)
        old, status = pipeline.job_of(video), video.status
        retried = pipeline.retried(video, force=True)
        assert (retried.detail, retried.job.state) == (RetryDetail.QUEUED, "QUEUED")
        assert VideoTranscodeJob.objects.for_tenant(pipeline.tenant).get(pk=old.pk).state == "CANCELLED"
        assert (pipeline.fresh(video).status, pipeline.job_of(video).pk) == (status, retried.job.pk)
        assert pipeline.events_of(video)[-2:] == ["job_cancelled", "job_created"]


def claimed_chunks(pipeline: Pipeline, claim: ClaimedJob, *, workers: list[str]) -> list[ClaimedChunk]:
    """Let each of these workers do a chunk of a job, for longer than the job's own lease."""
    TranscodeChunk.objects.bulk_create(
        TranscodeChunk(
            tenant=pipeline.tenant,
            job_id=claim.job_id,
            position=position,
            kind=ChunkKind.VIDEO,
            number=position,
            start_seconds=0.0,
            state_changed_at=NOON,
        )
        for position in range(len(workers) + 1)
    )
    claims = [
        claim_chunk(
            tenant_id=claim.tenant_id,
            job_id=claim.job_id,
            kinds=[ChunkKind.VIDEO],
            worker_id=worker_id,
            lease_seconds=HELP_SECONDS,
            clock=pipeline.clock,
        )
        for worker_id in workers
    ]
    return [claimed for claimed in claims if claimed]


class TestForceWhileRunning:
    """To the operator: two jobs never work on one video at the same time."""

    def test_the_next_job_waits_for_the_old_ones_lease(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        retried = pipeline.retried(video, force=True)
        assert (retried.detail, retried.job.state) == (RetryDetail.AFTER_STOP, "RETRY_WAIT")
        assert retried.job.next_attempt_at == NOON + timedelta(seconds=LEASE_SECONDS + 1)
        assert messages_of(retried.job)[-1].due_at == retried.job.next_attempt_at
        assert pipeline.fresh(video).status == "UPLOADED"
        with pytest.raises(JobHeld):
            pipeline.claim(video, worker_id="worker-b")
        with pytest.raises(LeaseLost):
            pipeline.publish(claim)

        pipeline.fixed_clock.advance(seconds=LEASE_SECONDS + 2)
        assert pipeline.claim(video, worker_id="worker-b").job_id == retried.job.pk

    def test_it_starts_at_once_when_the_old_worker_says_that_it_has_stopped(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        job = pipeline.retried(video, force=True).job
        acknowledge_stop(claim=claim, clock=pipeline.clock)
        assert pipeline.job_of(video).next_attempt_at == NOON
        assert [message.due_at for message in messages_of(job)][-1] == NOON
        assert pipeline.claim(video, worker_id="worker-b").job_id == job.pk

    def test_it_waits_for_the_old_ones_helpers_too(self, pipeline: Pipeline) -> None:
        """Until the last of them has said that it has stopped, whoever that is."""
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        own, helped = claimed_chunks(pipeline, claim, workers=["worker-a", "helper"])
        job = pipeline.retried(video, force=True).job
        acknowledge_stop(claim=claim, clock=pipeline.clock)
        assert pipeline.job_of(video).next_attempt_at == NOON + timedelta(seconds=HELP_SECONDS + 1)
        with pytest.raises(JobHeld):
            pipeline.claim(video, worker_id="worker-b")
        assert list(TranscodeChunk.objects.for_tenant(pipeline.tenant).values_list("pk", flat=True)) == [
            helped.chunk_id
        ]

        acknowledge_chunk_stop(claim=own, job=claim, clock=pipeline.clock)
        with pytest.raises(JobHeld):
            pipeline.claim(video, worker_id="worker-b")
        acknowledge_chunk_stop(claim=helped, job=claim, clock=pipeline.clock)

        assert pipeline.claim(video, worker_id="worker-b").job_id == job.pk
        assert not TranscodeChunk.objects.for_tenant(pipeline.tenant).exists()

    def test_a_helper_that_died_holds_it_up_until_its_lease_has_run_out(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        claimed_chunks(pipeline, claim, workers=["helper"])
        job = pipeline.retried(video, force=True).job
        acknowledge_stop(claim=claim, clock=pipeline.clock)
        assert messages_of(job)[-1].due_at == NOON + timedelta(seconds=HELP_SECONDS + 1)

        pipeline.fixed_clock.advance(seconds=HELP_SECONDS + 2)
        assert pipeline.claim(video, worker_id="worker-b").job_id == job.pk
        pipeline.fixed_clock.advance(seconds=30)
        run_once(pipeline.world)
        assert not TranscodeChunk.objects.for_tenant(pipeline.tenant).exists()

    def test_forcing_twice_does_not_forget_the_first_worker(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        pipeline.retried(video, force=True)
        job = pipeline.retried(video, force=True).job
        assert job.next_attempt_at == NOON + timedelta(seconds=LEASE_SECONDS + 1)
        acknowledge_stop(claim=claim, clock=pipeline.clock)
        assert pipeline.claim(video, worker_id="worker-b").job_id == job.pk

    def test_a_worker_that_lost_the_job_earlier_does_not_speak_for_the_last_one(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        zombie = pipeline.claim(video)
        pipeline.fixed_clock.advance(seconds=61)
        pipeline.claim(video, worker_id="worker-b")
        pipeline.retried(video, force=True)
        before = all_rows()
        acknowledge_stop(claim=zombie, clock=pipeline.clock)
        assert all_rows() == before

    def test_a_retry_after_a_cancel_waits_for_the_cancelled_worker_too(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        pipeline.cancel(video)
        assert pipeline.retried(video).detail is RetryDetail.AFTER_STOP
        acknowledge_stop(claim=claim, clock=pipeline.clock)
        assert pipeline.claim(video).output_prefix != claim.output_prefix

    def test_a_retry_after_a_worker_that_has_stopped_starts_at_once(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        pipeline.cancel(video)
        acknowledge_stop(claim=claim, clock=pipeline.clock)
        assert pipeline.retried(video).detail is RetryDetail.QUEUED

    def test_a_ready_video_stays_ready_throughout(self, pipeline: Pipeline) -> None:
        video = pipeline.reencoding()
        claim = pipeline.claim(video)
        pipeline.retried(video, force=True)
        assert (pipeline.fresh(video).status, pipeline.fresh(video).failure_code) == ("READY", "")
        acknowledge_stop(claim=claim, clock=pipeline.clock)
        pipeline.publish(pipeline.claim(video))
        assert pipeline.fresh(video).status == "READY"

    def test_a_job_that_waits_for_a_worker_that_died_is_woken_by_its_own_message(self, pipeline: Pipeline) -> None:
        """No acknowledgement ever comes; the message in the same commit is due at the lease's end."""
        video = pipeline.uploaded()
        pipeline.claim(video)
        job = pipeline.retried(video, force=True).job
        pipeline.fixed_clock.advance(seconds=LEASE_SECONDS + 2)
        drain_once(queue=pipeline.sender, clock=pipeline.clock)
        assert pipeline.sender.job_ids[-1] == job.pk


class TestOneActiveJob:
    def test_the_database_itself_refuses_a_second_active_job(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        job = pipeline.job_of(video)
        job.pk = uuid.uuid4()
        with pytest.raises(IntegrityError, match="job_one_active_per_video"), transaction.atomic():
            job.save(force_insert=True)


class TestReencode:
    def test_a_ready_video_stays_ready_through_the_whole_of_a_reencode(self, pipeline: Pipeline) -> None:
        video = pipeline.ready()
        old_prefix = video.published_prefix
        pipeline.retry(video)
        assert pipeline.fresh(video).status == "READY"
        claim = pipeline.claim(video)
        assert (pipeline.fresh(video).status, pipeline.fresh(video).published_prefix) == ("READY", old_prefix)
        pipeline.publish(claim)
        assert (pipeline.fresh(video).status, pipeline.fresh(video).published_prefix) == ("READY", claim.output_prefix)

    @pytest.mark.parametrize("write", ["fail", "retry", "hand_back"])
    def test_a_reencode_that_goes_wrong_leaves_the_video_as_it_was(self, pipeline: Pipeline, write: str) -> None:
        video = pipeline.ready()
        old_prefix = video.published_prefix
        pipeline.retry(video)
        WRITES[write](pipeline, pipeline.claim(video))
        assert (pipeline.fresh(video).status, pipeline.fresh(video).published_prefix) == ("READY", old_prefix)

    def test_cancelling_a_reencode_leaves_the_video_as_it_was(self, pipeline: Pipeline) -> None:
        video = pipeline.reencoding()
        pipeline.cancel(video)
        found = pipeline.fresh(video)
        assert (found.status, found.failure_code) == ("READY", "")


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """The same promises with several connections at the same moment."""

    WORKERS = 6

    def together(self, calls: list[Callable[[], object]]) -> list[object]:
        """Run the calls at the same moment and return what each returned or raised."""
        barrier = threading.Barrier(len(calls))

        def run(call: Callable[[], object]) -> object:
            barrier.wait(timeout=20)
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - the outcome is what the test looks at
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))

    def test_of_many_workers_with_one_message_one_claims(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        message = pipeline.message(video)
        outcomes = self.together(
            [
                lambda worker=worker: claim_job(  # type: ignore[misc]
                    message=message, worker_id=f"w{worker}", lease_seconds=60, clock=pipeline.clock
                )
                for worker in range(self.WORKERS)
            ]
        )
        winners = [outcome for outcome in outcomes if isinstance(outcome, ClaimedJob)]
        assert len(winners) == 1
        assert all(isinstance(outcome, JobHeld) for outcome in outcomes if outcome not in winners)
        assert pipeline.events_of(video).count("job_claimed") == 1
        assert pipeline.job_of(video).attempt_count == 1

    def test_of_many_workers_at_a_dead_ones_job_one_claims(self, pipeline: Pipeline) -> None:
        video = pipeline.processing()
        message = pipeline.message(video)
        pipeline.fixed_clock.advance(seconds=61)
        outcomes = self.together(
            [
                lambda worker=worker: claim_job(  # type: ignore[misc]
                    message=message, worker_id=f"w{worker}", lease_seconds=60, clock=pipeline.clock
                )
                for worker in range(self.WORKERS)
            ]
        )
        assert sum(isinstance(outcome, ClaimedJob) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, JobHeld) for outcome in outcomes) == self.WORKERS - 1
        assert (pipeline.job_of(video).attempt_count, pipeline.job_of(video).failure_count) == (2, 1)

    @pytest.mark.parametrize("taker", ["worker", "reconciler"])
    def test_a_lease_that_is_renewed_while_its_taker_waits_for_a_lock_is_kept(
        self, pipeline: Pipeline, taker: str
    ) -> None:
        """To the worker that was late by a second: it has been told that the job is its own."""
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        pipeline.fixed_clock.advance(seconds=LEASE_SECONDS + 2)
        takes: dict[str, Callable[[], object]] = {
            "worker": lambda: pipeline.claim(video, worker_id="worker-b"),
            "reconciler": lambda: run_once(pipeline.world, invariants=[RunningJobHasLease()]),
        }
        with ThreadPoolExecutor() as pool:
            with transaction.atomic():
                lock_video(tenant_id=pipeline.tenant.pk, video_id=video.pk)
                taken = pool.submit(lambda: self.together([takes[taker]]))
                wait_until(locks_are_waited_for, timeout_seconds=10)
                renew(pipeline, claim)
            (outcome,) = taken.result()

        assert not isinstance(outcome, ClaimedJob)
        job = pipeline.job_of(video)
        assert (job.state, job.attempt_count, job.failure_count) == ("RUNNING", 1, 0)
        pipeline.publish(claim)

    def test_a_cancel_and_a_publish_at_once_have_one_winner(self, pipeline: Pipeline) -> None:
        for _ in range(5):
            video = pipeline.uploaded()
            claim = pipeline.claim(video)
            outcomes = self.together(
                [
                    lambda claim=claim: pipeline.publish(claim),  # type: ignore[misc]
                    lambda video=video: pipeline.cancel(video),  # type: ignore[misc]
                ]
            )
            lost = [outcome for outcome in outcomes if isinstance(outcome, (LeaseLost, InvalidStatus))]
            assert len(lost) == 1
            job, found = pipeline.job_of(video), pipeline.fresh(video)
            assert (job.state, found.status) in {("SUCCEEDED", "READY"), ("CANCELLED", "FAILED")}

    def test_many_retries_at_once_make_one_job(self, pipeline: Pipeline) -> None:
        video = pipeline.failed()
        outcomes = self.together([lambda: pipeline.retry(video)] * self.WORKERS)
        (answer,) = {outcome.pk for outcome in outcomes if isinstance(outcome, VideoTranscodeJob)}
        assert len(outcomes) == self.WORKERS
        assert answer == pipeline.job_of(video).pk
        jobs = VideoTranscodeJob.objects.for_tenant(pipeline.tenant).filter(video=video)
        assert sorted(jobs.values_list("state", flat=True)) == ["FAILED", "QUEUED"]
