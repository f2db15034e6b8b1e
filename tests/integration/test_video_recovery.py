"""Promises about recovery: what is stuck is found, repaired once, and what is well is left alone."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.db.models import F

from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.relay import drain_once
from apps.support.video.domain.errors import LeaseLost, TenantFull
from apps.support.video.models import TenantUsage, TranscodeChunk, Video, VideoCharge, VideoTranscodeJob, VideoUpload
from apps.support.video.recovery.dead_letters import DeadLettersAreSettled
from apps.support.video.recovery.invariant import Finding, Invariant, World
from apps.support.video.recovery.invariants import (
    QueuedJobHasMessage,
    RetryIsOnTime,
    RunningJobHasLease,
    TombstoneIsPurged,
)
from apps.support.video.recovery.outputs import PublishedOutputIsThere
from apps.support.video.recovery.reconciler import INVARIANTS, InvariantReport, run_once, run_reconciler
from apps.support.video.recovery.statuses import StatusIsProjection, WaitingVideoHasJob
from apps.support.video.recovery.strays import StoredHasOwner, grace
from apps.support.video.recovery.uploads import ArrivedUploadIsCompleted, postpone_checks
from apps.support.video.recovery.usage import UsageIsExact
from apps.support.video.services.dead_letters import take_dead_letters
from libs.media.ffprobe import MediaRejected, ProbeTimeout
from tests.support.videos import NOON, STATES, Pipeline, all_rows, messages_of, write_output
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db

WINDOW_SECONDS = float(django_settings.VIDEO_REDELIVERY_WINDOW_SECONDS)
DAY_SECONDS = 86_400.0
GRACE_SECONDS = grace().total_seconds()


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def reports(pipeline: Pipeline, invariant: Invariant) -> tuple[int, int]:
    """Run one round of one invariant; return how many it found and how many it repaired."""
    (report,) = run_once(pipeline.world, invariants=[invariant])
    assert report.code == invariant.code
    return report.found, report.repaired


def drain(pipeline: Pipeline) -> None:
    drain_once(queue=pipeline.sender, clock=pipeline.clock)


def lost_message(pipeline: Pipeline) -> Video:
    """A queued job whose message was sent and lost by the queue."""
    video = pipeline.uploaded()
    pipeline.fixed_clock.advance(seconds=WINDOW_SECONDS + 1)
    return video


def forgotten_slot(pipeline: Pipeline) -> Video:
    """A capped job whose tenant has room again: the limit was raised, or whoever left the slot woke nobody up."""
    video = pipeline.uploaded()
    VideoTranscodeJob.objects.for_tenant(pipeline.tenant).filter(video=video).update(capped_at=pipeline.clock.now())
    return video


def silent_worker(pipeline: Pipeline) -> Video:
    video = pipeline.processing()
    pipeline.fixed_clock.advance(seconds=62)
    return video


def overdue_retry(pipeline: Pipeline) -> Video:
    """A job whose retry's message was sent when it was due, and lost."""
    video = pipeline.retry_wait()
    pipeline.fixed_clock.advance(seconds=10)
    drain(pipeline)
    pipeline.fixed_clock.advance(seconds=WINDOW_SECONDS + 1)
    return video


def arrived(pipeline: Pipeline) -> Video:
    """An upload whose browser closed after the last byte."""
    video = pipeline.pending()
    pipeline.put(video)
    pipeline.fixed_clock.advance(seconds=30)
    return video


def overdue_upload(pipeline: Pipeline) -> Video:
    video = pipeline.pending()
    pipeline.fixed_clock.advance(seconds=DAY_SECONDS + 1)
    return video


def arrived_after_expiry(pipeline: Pipeline) -> Video:
    video = pipeline.expired()
    pipeline.put(video)
    pipeline.fixed_clock.advance(seconds=30)
    return video


def tombstone(pipeline: Pipeline) -> Video:
    video = pipeline.ready()
    pipeline.storage.objects[f"{video.published_prefix}master.m3u8"] = 300
    pipeline.delete(video)
    pipeline.fixed_clock.advance(seconds=300)
    return video


def stray_parts(pipeline: Pipeline) -> Video:
    """Parts that an init opened before it died; a later one went well."""
    video = pipeline.pending()
    key = pipeline.upload_of(video).file_key
    pipeline.storage.create_multipart(key.replace(".mp4", "-of-the-dead.mp4"), content_type="video/mp4")
    pipeline.fixed_clock.advance(seconds=3700)
    return video


def stray_output(pipeline: Pipeline) -> Video:
    """What an attempt wrote whose worker died; the next one was published, and nobody watches the old one any more."""
    video = pipeline.uploaded()
    loser = pipeline.claim(video)
    pipeline.storage.write(f"{loser.output_prefix}video-0000-1.mp4", b"x")
    pipeline.retry_later(loser)
    pipeline.fixed_clock.advance(seconds=6)
    pipeline.publish(pipeline.claim(video))
    pipeline.storage.write(f"{pipeline.fresh(video).published_prefix}master.m3u8", b"x")
    Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(playback_check_at=None)
    pipeline.fixed_clock.advance(seconds=GRACE_SECONDS + 1)
    return video


def damaged_output(pipeline: Pipeline) -> Video:
    """A READY video of which storage has lost an object."""
    video = pipeline.ready()
    write_output(pipeline, video)
    del pipeline.storage.objects[f"{video.published_prefix}video-0000-1.mp4.720p"]
    pipeline.fixed_clock.advance(seconds=3601)
    return video


def lost_chunk(pipeline: Pipeline) -> Video:
    """A chunk whose helper was killed; the job's own worker lives on."""
    video = pipeline.uploaded()
    job = pipeline.claim(video, lease_seconds=10_000)
    TranscodeChunk.objects.create(
        tenant=pipeline.tenant,
        job_id=job.job_id,
        position=0,
        kind="video",
        number=0,
        start_seconds=0.0,
        state="RUNNING",
        state_changed_at=NOON,
        attempt_count=1,
        worker_id="helper-1",
        lease_until=pipeline.clock.now() + timedelta(seconds=60),
    )
    pipeline.fixed_clock.advance(seconds=80)
    return video


def drifted_charge(pipeline: Pipeline) -> Video:
    video = pipeline.ready()
    VideoCharge.objects.for_tenant(pipeline.tenant).filter(video=video).update(stored_bytes=F("stored_bytes") + 1)
    TenantUsage.objects.for_tenant(pipeline.tenant).update(stored_bytes=F("stored_bytes") + 1)
    return video


def dead_letter(pipeline: Pipeline) -> Video:
    """A message that the queue gave up on and that was taken over, of a job that has its outcome."""
    video = pipeline.uploaded()
    message = pipeline.message(video)
    pipeline.publish(pipeline.claim(video))
    pipeline.dead_letters.put(message.to_json())
    take_dead_letters(queue=pipeline.dead_letters, clock=pipeline.clock, limit=10)
    return video


Maker = Callable[[Pipeline], Video]


def lost_job(pipeline: Pipeline) -> Video:
    video = pipeline.uploaded()
    Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(current_job=None)
    VideoTranscodeJob.objects.for_tenant(pipeline.tenant).filter(video=video).delete()
    return video


def drifted_status(pipeline: Pipeline) -> Video:
    video = pipeline.processing()
    Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(status="UPLOADED")
    return video


BROKEN: list[tuple[Invariant, Maker]] = [
    (WaitingVideoHasJob(), lost_job),
    (StatusIsProjection(), drifted_status),
    (QueuedJobHasMessage(), lost_message),
    (QueuedJobHasMessage(), forgotten_slot),
    (RunningJobHasLease(), silent_worker),
    (RetryIsOnTime(), overdue_retry),
    (ArrivedUploadIsCompleted(), arrived),
    (ArrivedUploadIsCompleted(), overdue_upload),
    (ArrivedUploadIsCompleted(), arrived_after_expiry),
    (DeadLettersAreSettled(), dead_letter),
    (TombstoneIsPurged(), tombstone),
    (StoredHasOwner(), stray_parts),
    (StoredHasOwner(), stray_output),
    (PublishedOutputIsThere(), damaged_output),
    (RunningJobHasLease(), lost_chunk),
    (UsageIsExact(), drifted_charge),
]
each_broken = pytest.mark.parametrize(
    ("invariant", "make"), BROKEN, ids=[f"{invariant.code}-{make.__name__}" for invariant, make in BROKEN]
)


class TestEveryInvariant:
    @each_broken
    def test_finds_its_row_and_no_other(self, pipeline: Pipeline, invariant: Invariant, make: Maker) -> None:
        video = make(pipeline)
        for other in INVARIANTS:
            expected = [video.pk] if other.code == invariant.code else []
            assert [finding.video_id for finding in other.find(pipeline.world, limit=10)] == expected

    @each_broken
    def test_looking_changes_nothing(self, pipeline: Pipeline, invariant: Invariant, make: Maker) -> None:
        make(pipeline)
        rows, objects, sent = all_rows(), dict(pipeline.storage.objects), list(pipeline.sender.sent)
        invariant.find(pipeline.world, limit=10)
        assert (all_rows(), pipeline.storage.objects, pipeline.sender.sent) == (rows, objects, sent)

    @each_broken
    def test_one_round_repairs_and_the_next_finds_nothing(
        self, pipeline: Pipeline, invariant: Invariant, make: Maker
    ) -> None:
        make(pipeline)
        assert reports(pipeline, invariant) == (1, 1)
        repaired = all_rows()
        assert reports(pipeline, invariant) == (0, 0)
        assert all_rows() == repaired

    @each_broken
    def test_a_finding_that_was_repaired_meanwhile_is_left_alone(
        self, pipeline: Pipeline, invariant: Invariant, make: Maker
    ) -> None:
        """To the operator: two reconcilers, or one and a browser, do not undo or double each other's work."""
        make(pipeline)
        (finding,) = invariant.find(pipeline.world, limit=10)
        run_once(pipeline.world, invariants=[invariant])
        effects = VideoTranscodeJob.objects.for_tenant(pipeline.tenant).count()
        states = [row["state"] for row in all_rows()["VideoTranscodeJob"]]

        run_once(pipeline.world, invariants=[Stale(invariant, finding)])

        assert VideoTranscodeJob.objects.for_tenant(pipeline.tenant).count() == effects
        assert [row["state"] for row in all_rows()["VideoTranscodeJob"]] == states

    @pytest.mark.parametrize("state", STATES)
    def test_a_healthy_video_is_no_finding(self, pipeline: Pipeline, state: str) -> None:
        pipeline.in_state(state)
        drain(pipeline)
        for invariant in INVARIANTS:
            assert invariant.find(pipeline.world, limit=10) == []

    @each_broken
    def test_the_oldest_come_first_and_no_more_than_asked(
        self, pipeline: Pipeline, invariant: Invariant, make: Maker
    ) -> None:
        made = [make(pipeline).pk for _ in range(3)]
        found = invariant.find(pipeline.world, limit=2)
        assert [finding.video_id for finding in found] == made[:2]

    def test_every_code_is_tested_here(self) -> None:
        assert {invariant.code for invariant in INVARIANTS} == {invariant.code for invariant, _ in BROKEN}
        assert all(invariant.sentence.endswith(".") for invariant in INVARIANTS)


class Stale:
    """An invariant that hands out a finding of earlier."""

    def __init__(self, invariant: Invariant, finding: Finding) -> None:
        self.code = invariant.code
        self.severity = invariant.severity
        self.runbook = invariant.runbook
        self.sentence = invariant.sentence
        self._invariant = invariant
        self._finding = finding

    def find(self, world: World, *, limit: int) -> list[Finding]:
        return [self._finding]

    def repair(self, world: World, finding: Finding) -> None:
        self._invariant.repair(world, finding)


class TestQueuedJobHasMessage:
    def test_a_lost_message_is_sent_again(self, pipeline: Pipeline) -> None:
        video = lost_message(pipeline)
        job = pipeline.job_of(video)
        assert pipeline.sender.job_ids == [job.pk]
        run_once(pipeline.world)
        drain(pipeline)
        assert pipeline.sender.job_ids == [job.pk, job.pk]
        assert pipeline.events_of(video)[-1] == "message_resent"
        assert (pipeline.job_of(video).state, pipeline.job_of(video).attempt_count) == ("QUEUED", 0)

    def test_a_queue_that_is_down_for_hours_gathers_no_messages(self, pipeline: Pipeline) -> None:
        """To the operator: an outage ends with one message a job, not with one a round."""
        pipeline.sender.is_down = True
        video = pipeline.pending()
        pipeline.put(video)
        run_until_enqueued(pipeline, video)
        for _ in range(20):
            pipeline.fixed_clock.advance(seconds=WINDOW_SECONDS + 1)
            drain(pipeline)
            run_once(pipeline.world)
        assert len(messages_of(pipeline.job_of(video))) == 1

    def test_who_waits_for_a_slot_is_not_lost_until_there_is_one(self, pipeline: Pipeline, settings: Any) -> None:
        """To the tenant at its limit: nothing is sent in vain, and a raised limit starts as many as it lets start."""
        settings.VIDEO_TENANT_RUNNING_LIMIT = 1
        pipeline.claim(pipeline.uploaded(), lease_seconds=10_000)
        waiting = [pipeline.uploaded() for _ in range(3)]
        for video in waiting[:2]:
            with pytest.raises(TenantFull):
                pipeline.claim(video)
        pipeline.fixed_clock.advance(seconds=WINDOW_SECONDS + 1)
        assert reports(pipeline, QueuedJobHasMessage()) == (0, 0)

        settings.VIDEO_TENANT_RUNNING_LIMIT = 3

        # The third's message may be on its way, but nobody has seen it for so long: it is sent again.
        assert reports(pipeline, QueuedJobHasMessage()) == (3, 2)
        assert [len(messages_of(pipeline.job_of(video))) for video in waiting] == [2, 1, 2]
        assert reports(pipeline, QueuedJobHasMessage()) == (0, 0)

    def test_a_job_without_any_message_gets_one(self, pipeline: Pipeline) -> None:
        video = lost_message(pipeline)
        OutboxMessage.objects.all().delete()
        assert reports(pipeline, QueuedJobHasMessage()) == (1, 1)
        assert len(messages_of(pipeline.job_of(video))) == 1


def run_until_enqueued(pipeline: Pipeline, video: Video) -> None:
    pipeline.fixed_clock.advance(seconds=30)
    run_once(pipeline.world, invariants=[ArrivedUploadIsCompleted()])
    assert pipeline.fresh(video).status == "UPLOADED"


class TestRunningJobHasLease:
    def test_the_job_of_a_silent_worker_is_due_at_once(self, pipeline: Pipeline) -> None:
        video = silent_worker(pipeline)
        run_once(pipeline.world)
        job = pipeline.job_of(video)
        assert (job.state, job.failure_count, job.cause_code) == ("RETRY_WAIT", 1, "WORKER_LOST")
        assert job.next_attempt_at == pipeline.clock.now()
        drain(pipeline)
        assert pipeline.sender.job_ids == [job.pk, job.pk]
        assert pipeline.claim(video, worker_id="worker-b").attempt == 2

    def test_a_worker_that_renewed_in_time_keeps_its_job(self, pipeline: Pipeline) -> None:
        video = silent_worker(pipeline)
        (finding,) = RunningJobHasLease().find(pipeline.world, limit=1)
        VideoTranscodeJob.objects.for_tenant(pipeline.tenant).update(
            lease_until=pipeline.clock.now() + timedelta(seconds=60)
        )
        before = all_rows()
        assert reports(pipeline, Stale(RunningJobHasLease(), finding)) == (1, 0)
        assert all_rows() == before
        assert pipeline.job_of(video).state == "RUNNING"

    def test_the_last_one_ends_the_job(self, pipeline: Pipeline) -> None:
        video = silent_worker(pipeline)
        VideoTranscodeJob.objects.for_tenant(pipeline.tenant).update(max_attempts=1)
        run_once(pipeline.world)
        assert (pipeline.job_of(video).state, pipeline.fresh(video).status) == ("DEAD", "FAILED")


class TestRetryIsOnTime:
    def test_a_lost_retry_is_woken_again(self, pipeline: Pipeline) -> None:
        video = overdue_retry(pipeline)
        run_once(pipeline.world)
        drain(pipeline)
        assert len(pipeline.sender.sent) == 3
        assert pipeline.claim(video).attempt == 2

    def test_a_queue_that_is_down_for_hours_gathers_no_messages(self, pipeline: Pipeline) -> None:
        video = pipeline.retry_wait()
        pipeline.sender.is_down = True
        for _ in range(20):
            pipeline.fixed_clock.advance(seconds=WINDOW_SECONDS + 1)
            drain(pipeline)
            run_once(pipeline.world)
        assert len(messages_of(pipeline.job_of(video))) == 2

    def test_a_retry_without_any_message_gets_one(self, pipeline: Pipeline) -> None:
        video = overdue_retry(pipeline)
        OutboxMessage.objects.all().delete()
        assert reports(pipeline, RetryIsOnTime()) == (1, 1)
        assert len(messages_of(pipeline.job_of(video))) == 1


class TestArrivedUploadIsCompleted:
    def test_an_upload_whose_browser_closed_is_completed(self, pipeline: Pipeline) -> None:
        video = arrived(pipeline)
        run_once(pipeline.world)
        found = pipeline.fresh(video)
        assert (found.status, pipeline.job_of(video).state) == ("UPLOADED", "QUEUED")
        assert pipeline.events_of(video) == ["upload_started", "upload_completed", "job_created"]
        assert pipeline.sender.job_ids == [pipeline.job_of(video).pk]

    def test_a_file_that_is_no_video_is_refused_as_for_a_browser(self, pipeline: Pipeline) -> None:
        video = arrived(pipeline)
        pipeline.prober.answer = MediaRejected(cause_code="INPUT_NOT_VIDEO", detail="text")
        assert reports(pipeline, ArrivedUploadIsCompleted()) == (1, 1)
        assert (pipeline.fresh(video).status, pipeline.fresh(video).failure_code) == ("FAILED", "INPUT_NOT_VIDEO")

    def test_a_probe_that_times_out_does_not_cost_the_upload(self, pipeline: Pipeline) -> None:
        video = arrived(pipeline)
        pipeline.prober.answer = ProbeTimeout("8 s")
        run_once(pipeline.world)
        assert (pipeline.fresh(video).status, pipeline.upload_of(video).verified) == ("UPLOADED", False)

    def test_an_upload_past_its_deadline_expires(self, pipeline: Pipeline) -> None:
        video = overdue_upload(pipeline)
        run_once(pipeline.world)
        assert (pipeline.fresh(video).status, pipeline.upload_of(video).state) == ("EXPIRED", "EXPIRED")
        assert pipeline.events_of(video) == ["upload_started", "upload_expired"]

    def test_an_object_that_comes_after_the_end_still_becomes_a_video(self, pipeline: Pipeline) -> None:
        video = arrived_after_expiry(pipeline)
        run_once(pipeline.world)
        assert (pipeline.fresh(video).status, pipeline.job_of(video).state) == ("UPLOADED", "QUEUED")

    @pytest.mark.parametrize("size_bytes", [0, 999, 1001])
    def test_an_object_of_another_size_is_not_completed(self, pipeline: Pipeline, size_bytes: int) -> None:
        video = pipeline.pending()
        pipeline.put(video, size_bytes=size_bytes)
        pipeline.fixed_clock.advance(seconds=30)
        assert reports(pipeline, ArrivedUploadIsCompleted()) == (0, 0)
        assert pipeline.fresh(video).status == "PENDING"

    def test_storage_is_asked_less_and_less_often(self, pipeline: Pipeline) -> None:
        video = pipeline.pending()
        gaps: list[float] = []
        while not gaps or len(gaps) < 160:
            due = pipeline.upload_of(video).next_check_at
            assert due is not None
            gaps.append((due - pipeline.clock.now()).total_seconds())
            pipeline.fixed_clock.instant = due
            run_once(pipeline.world, invariants=[ArrivedUploadIsCompleted()])
        assert gaps[0] == 20
        assert gaps == sorted(gaps)
        assert gaps[-1] == 600

    def test_storage_that_is_down_expires_nobody(self, pipeline: Pipeline) -> None:
        """To the uploader: that we could not look is no proof that nothing came."""
        overdue_upload(pipeline)
        pipeline.storage.is_down = True
        before = all_rows()
        assert run_once(pipeline.world, invariants=[ArrivedUploadIsCompleted()]) == []
        assert all_rows() == before

    def test_a_backlog_after_a_long_outage_leaves_nobody_pending_for_ever(self, pipeline: Pipeline) -> None:
        """To the uploader: however long the reconciler was down and however many waited, each upload gets its end."""
        videos = [pipeline.pending() for _ in range(5)]
        for video in videos[:2]:
            pipeline.put(video)
        pipeline.fixed_clock.advance(seconds=30 * DAY_SECONDS)
        postpone_checks(pipeline.world, limit=10)
        pipeline.fixed_clock.advance(seconds=3600)
        run_once(pipeline.world)
        assert [pipeline.fresh(video).status for video in videos] == ["UPLOADED"] * 2 + ["EXPIRED"] * 3

    def test_an_expired_upload_is_watched_for_a_week_and_then_left_alone(self, pipeline: Pipeline) -> None:
        video = overdue_upload(pipeline)
        run_once(pipeline.world)
        assert pipeline.upload_of(video).next_check_at is not None
        pipeline.fixed_clock.advance(seconds=8 * DAY_SECONDS)
        run_once(pipeline.world)
        assert pipeline.upload_of(video).next_check_at is None

    def test_a_deleted_upload_is_nobodys_business(self, pipeline: Pipeline) -> None:
        video = arrived(pipeline)
        pipeline.delete(video)
        assert reports(pipeline, ArrivedUploadIsCompleted()) == (0, 0)
        assert pipeline.upload_of(video).state == "PENDING"

    def test_a_queue_that_is_down_does_not_undo_the_completion(self, pipeline: Pipeline) -> None:
        video = arrived(pipeline)
        pipeline.sender.is_down = True
        assert reports(pipeline, ArrivedUploadIsCompleted()) == (1, 1)
        assert pipeline.fresh(video).status == "UPLOADED"
        assert messages_of(pipeline.job_of(video))[0].sent_at is None


class TestTombstoneIsPurged:
    def test_both_prefixes_are_emptied_and_a_neighbours_are_not(self, pipeline: Pipeline) -> None:
        video = tombstone(pipeline)
        kept = {
            f"tenants/{pipeline.tenant.pk}/video/raw/{video.pk}0/source.mp4": 5,
            f"tenants/{pipeline.tenant.pk}/video/hls/{video.pk}0/x/master.m3u8": 5,
            f"tenants/{pipeline.tenant.pk}0/video/raw/{video.pk}/source.mp4": 5,
        }
        pipeline.storage.objects |= kept
        run_once(pipeline.world)
        assert pipeline.storage.objects == kept
        assert pipeline.fresh(video).purged_at == pipeline.clock.now()
        assert pipeline.events_of(video)[-2:] == ["video_deleted", "video_purged"]

    def test_nothing_is_purged_while_the_lost_worker_may_still_write(self, pipeline: Pipeline) -> None:
        video = pipeline.processing()
        pipeline.delete(video)
        purge_after = pipeline.fresh(video).purge_after
        lease_until = VideoTranscodeJob.objects.for_tenant(pipeline.tenant).get(video=video).lease_until
        assert purge_after is not None
        assert lease_until is not None
        assert purge_after > lease_until

    def test_nothing_is_purged_while_the_upload_url_still_takes_bytes(self, pipeline: Pipeline) -> None:
        """To the uploader: what arrives after the deletion is deleted too."""
        video = pipeline.pending()
        url_ends_at = pipeline.clock.now() + timedelta(seconds=django_settings.VIDEO_UPLOAD_URL_TTL_SECONDS)
        pipeline.delete(video)
        purge_after = pipeline.fresh(video).purge_after
        assert purge_after is not None
        assert purge_after > url_ends_at

    def test_storage_that_is_down_leaves_the_tombstone_for_the_next_round(self, pipeline: Pipeline) -> None:
        tombstone(pipeline)
        pipeline.storage.is_down = True
        before = all_rows()
        assert reports(pipeline, TombstoneIsPurged()) == (1, 0)
        assert all_rows() == before
        pipeline.storage.is_down = False
        assert reports(pipeline, TombstoneIsPurged()) == (1, 1)


class TestRounds:
    def test_an_invariant_that_cannot_look_does_not_keep_the_others_back(self, pipeline: Pipeline) -> None:
        """To the uploader: storage may be down, and a silent worker's job still moves on."""
        silent = silent_worker(pipeline)
        arrived(pipeline)
        pipeline.storage.is_down = True
        run_once(pipeline.world, invariants=[ArrivedUploadIsCompleted(), RunningJobHasLease()])
        assert pipeline.job_of(silent).state == "RETRY_WAIT"

    def test_a_finding_that_cannot_be_repaired_does_not_keep_the_next_back(self, pipeline: Pipeline) -> None:
        stuck, fine = silent_worker(pipeline), silent_worker(pipeline)

        class OneIsPoison(RunningJobHasLease):
            def repair(self, world: World, finding: Finding) -> None:
                if finding.video_id == stuck.pk:
                    raise RuntimeError("no repair knows this row")
                super().repair(world, finding)

        assert reports(pipeline, OneIsPoison()) == (2, 1)
        assert (pipeline.job_of(stuck).state, pipeline.job_of(fine).state) == ("RUNNING", "RETRY_WAIT")

    def test_somebody_elses_repair_is_no_failure(self, pipeline: Pipeline) -> None:
        silent_worker(pipeline)

        class Overtaken(RunningJobHasLease):
            def repair(self, world: World, finding: Finding) -> None:
                raise LeaseLost("moved on")

        assert reports(pipeline, Overtaken()) == (1, 0)


@pytest.mark.django_db(transaction=True)
class TestTwoReconcilers:
    def test_they_do_not_work_on_the_same_invariant_at_the_same_time(self, pipeline: Pipeline) -> None:
        silent_worker(pipeline)
        inside, leave = threading.Event(), threading.Event()

        class Slow(RunningJobHasLease):
            def find(self, world: World, *, limit: int) -> list[Finding]:
                inside.set()
                assert leave.wait(timeout=20)
                return super().find(world, limit=limit)

        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(in_thread, lambda: run_once(pipeline.world, invariants=[Slow()]))
            try:
                assert inside.wait(timeout=20)
                assert run_once(pipeline.world, invariants=[RunningJobHasLease()]) == []
            finally:
                leave.set()
            assert first.result(timeout=20) == [InvariantReport(code="V03", found=1, repaired=1)]
        assert reports(pipeline, RunningJobHasLease()) == (0, 0)

    def test_the_loop_goes_on_after_a_round_that_failed(self, pipeline: Pipeline) -> None:
        video = arrived(pipeline)
        pipeline.storage.is_down = True
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            loop = pool.submit(in_thread, lambda: run_reconciler(pipeline.world, interval_seconds=0.05, stop=stop))
            try:
                pipeline.storage.is_down = False
                wait_until(lambda: pipeline.fresh(video).status == "UPLOADED", timeout_seconds=10)
            finally:
                stop.set()
            loop.result(timeout=20)

    def test_a_browser_and_the_reconciler_at_once_make_one_job(self, pipeline: Pipeline) -> None:
        """Both are in the middle of their probe when the other one is."""
        video = arrived(pipeline)
        barrier = threading.Barrier(2)
        probe = pipeline.prober.probe

        def probe_together(**call: object) -> object:
            barrier.wait(timeout=20)
            return probe(**call)  # type: ignore[arg-type]

        pipeline.prober.probe = probe_together  # type: ignore[assignment,method-assign]
        with ThreadPoolExecutor(2) as pool:
            browser = pool.submit(in_thread, lambda: outcome_of(lambda: pipeline.complete(video)))
            reconciler = pool.submit(in_thread, lambda: run_once(pipeline.world))
            assert browser.result(timeout=20) in {"VideoTranscodeJob", "InvalidStatus"}
            reconciler.result(timeout=20)
        assert VideoTranscodeJob.objects.for_tenant(pipeline.tenant).filter(video=video).count() == 1
        assert len(messages_of(pipeline.job_of(video))) == 1
        assert pipeline.sender.job_ids == [pipeline.job_of(video).pk]
        assert pipeline.events_of(video) == ["upload_started", "upload_completed", "job_created"]


def in_thread(call: Callable[[], object]) -> object:
    try:
        return call()
    finally:
        connections.close_all()


def outcome_of(call: Callable[[], object]) -> str:
    try:
        return type(call()).__name__
    except Exception as error:  # noqa: BLE001 - the outcome is what the test looks at
        return type(error).__name__


def test_uploads_of_every_tenant_are_looked_after(pipeline: Pipeline) -> None:
    other = Pipeline(code="other")
    other.storage.objects = pipeline.storage.objects
    mine, theirs = arrived(pipeline), arrived(other)
    run_once(pipeline.world)
    assert {upload.video_id: upload.state for upload in VideoUpload.objects.across_tenants()} == {
        mine.pk: "ACCEPTED",
        theirs.pk: "ACCEPTED",
    }
