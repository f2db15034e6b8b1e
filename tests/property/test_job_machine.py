"""
Promises of a job's life, whatever happens in whatever order: every state that is not final has an owner, a deadline
and an exit that needs no human.

Hypothesis drives workers, their chunks and their deaths, people, the relay, a queue that does all that SQS may do, time
and the sweeper over a real PostgreSQL, and looks after every step.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck
from hypothesis import settings as bounds
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.relay import drain_once
from apps.support.video.domain.chunks import Chunk, ChunkKind, ClaimedChunk, JobPlan, Variant
from apps.support.video.domain.contracts import ClaimedJob, JobProgress, TranscodeMessage
from apps.support.video.domain.errors import (
    JobHeld,
    JobNotVisible,
    JobSettled,
    LeaseLost,
    TenantFull,
    VideoError,
)
from apps.support.video.domain.lifecycle import ACTIVE_JOB_STATES, JobState
from apps.support.video.models import TranscodeChunk, Video, VideoEvent, VideoTranscodeJob
from apps.support.video.recovery.invariant import World
from apps.support.video.recovery.invariants import QueuedJobHasMessage
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.selectors.leases import is_held
from apps.support.video.selectors.quota import usage_of
from apps.support.video.selectors.schedule import full_tenants, tenants_with_forgotten_slots
from apps.support.video.services import chunks, stopping, transcode
from apps.support.video.services.lifecycle import current_projection
from apps.support.video.services.quota import charge_due
from apps.support.video.services.sqs_queue import VideoSQSQueue
from libs.queue.client import ReceiptHandleStale, ReceivedMessage
from tests.support.strict_queue import QueueFaults, StaleDelete, StrictQueue
from tests.support.videos import LEASE_SECONDS, Pipeline, output_of

# The longest that anything may be left alone: a long backoff and the redelivery window behind it.
LONGEST_WAIT = timedelta(seconds=900 + 300 + 60)
# The reconciler gives a lease that has just ended another moment, and a chunk's a little more.
SWEEP_GRACE = timedelta(seconds=61)
RUNNING_LIMIT = 2


@dataclass
class Held:
    """An attempt as its worker knows it, which may have lost it long ago."""

    claim: ClaimedJob
    received: ReceivedMessage
    chunks: list[ClaimedChunk] = field(default_factory=list)


class JobMachine(RuleBasedStateMachine):
    """One tenant; the queue and time are the test's, storage is in memory."""

    videos = Bundle("videos")
    number_of_machines = 0

    def __init__(self) -> None:
        super().__init__()
        JobMachine.number_of_machines += 1
        self.pipeline = Pipeline(code=f"jobs-{JobMachine.number_of_machines}")
        self.clock = self.pipeline.fixed_clock
        self.line = StrictQueue(self.clock, seed=JobMachine.number_of_machines)
        self.pipeline.queue = VideoSQSQueue(queue=self.line, clock=self.clock)
        self.world = World(
            clock=self.clock,
            storage=self.pipeline.storage,
            prober=self.pipeline.prober,
            queue=self.pipeline.queue,
            dead_letters=self.pipeline.dead_letters,
        )
        self.held: list[Held] = []
        self.was_ready: set[int] = set()

    # What people do.

    @initialize(target=videos)
    def first_upload(self) -> Video:
        return self.pipeline.uploaded()

    @rule(target=videos)
    def upload(self) -> Video:
        with suppress(VideoError):
            return self.pipeline.uploaded()
        return self.pipeline.fresh(Video.objects.for_tenant(self.pipeline.tenant).latest("id"))

    @rule(video=videos, force=st.booleans())
    def retry(self, video: Video, force: bool) -> None:
        with suppress(VideoError):
            self.pipeline.retried(video, force=force)

    @rule(video=videos)
    def cancel(self, video: Video) -> None:
        with suppress(VideoError):
            self.pipeline.cancel(video)

    @rule(video=videos)
    def delete(self, video: Video) -> None:
        with suppress(VideoError):
            self.pipeline.delete(video)

    # What runs by itself.

    @rule()
    def relay(self) -> None:
        drain_once(queue=self.line, clock=self.clock)

    @rule()
    def receive(self) -> None:
        """A worker receives, and does with the message what the table says."""
        for received in self.line.receive(queue_name="", max_messages=1, wait_seconds=0, visibility_seconds=60):
            message = TranscodeMessage.parse(received.body)
            try:
                claim = transcode.claim_job(
                    message=message,
                    worker_id=f"worker-{len(self.held)}",
                    lease_seconds=LEASE_SECONDS,
                    clock=self.clock,
                )
            except (JobSettled, TenantFull):
                self._delete(received)
            except JobHeld as held:
                self._hide(received, held.retry_after_seconds)
            except JobNotVisible:
                self._hide(received, 10)
            else:
                self.held.append(Held(claim, received))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def enter_plan_and_claim_a_chunk(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.held))
        is_ours = self._is_ours(held)
        try:
            chunks.enter_plan(claim=held.claim, plan=_plan(), clock=self.clock)
        except LeaseLost:
            assert not is_ours
            return
        assert is_ours
        claimed = chunks.claim_chunk(
            tenant_id=held.claim.tenant_id,
            job_id=held.claim.job_id,
            kinds=[ChunkKind.VIDEO],
            worker_id="worker",
            lease_seconds=LEASE_SECONDS,
            clock=self.clock,
        )
        if claimed is not None:
            held.chunks.append(claimed)

    @precondition(lambda self: any(held.chunks for held in self.held))
    @rule(data=st.data(), is_done=st.booleans())
    def leave_a_chunk(self, data: st.DataObject, is_done: bool) -> None:
        held = data.draw(st.sampled_from([held for held in self.held if held.chunks]))
        claimed = held.chunks.pop()
        with suppress(LeaseLost):
            if is_done:
                chunks.finish_chunk(claim=claimed, parts=[], said="", clock=self.clock)
            else:
                chunks.release_chunk(claim=claimed, clock=self.clock)
        stopping.acknowledge_chunk_stop(claim=claimed, job=held.claim, clock=self.clock)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.held))
        progress = JobProgress(stage="encoding", percent=50.0, remaining_seconds=None)
        self._fenced(
            held,
            lambda: transcode.renew_lease(
                claim=held.claim, progress=progress, lease_seconds=LEASE_SECONDS, clock=self.clock
            ),
        )

    @precondition(lambda self: self.held)
    @rule(data=st.data(), how=st.sampled_from(["publish", "publish", "fail", "retry", "hand back"]))
    def end(self, data: st.DataObject, how: str) -> None:
        """An attempt ends, in time or long after it has lost its job."""
        held = data.draw(st.sampled_from(self.held))
        self.held.remove(held)
        claim, cause = held.claim, {"cause_code": "ENCODER_CRASH", "detail": "signal 11"}
        ends = {
            "publish": lambda: transcode.publish_job(claim=claim, output=output_of(claim), clock=self.clock),
            "fail": lambda: transcode.fail_job(claim=claim, **cause, clock=self.clock),
            "retry": lambda: transcode.retry_job(claim=claim, **cause, clock=self.clock),
            "hand back": lambda: transcode.hand_back_job(claim=claim, clock=self.clock),
        }
        if not self._fenced(held, ends[how]):
            stopping.acknowledge_stop(claim=claim, clock=self.clock)
            return
        if how == "hand back":
            self._hide(held.received, 0)
        else:
            self._delete(held.received)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.held.remove(data.draw(st.sampled_from(self.held)))

    @rule()
    def sweep(self) -> None:
        run_once(self.world)
        # Who waits for a slot that this round has taken from a dead worker is seen in the next one.
        run_once(self.world, invariants=[QueuedJobHasMessage()])
        self._nothing_is_overdue()

    # What the world does.

    @rule(
        duplicates=st.sampled_from([0.0, 0.5]),
        losses=st.sampled_from([0.0, 0.5]),
        reorders=st.booleans(),
        stale_delete=st.sampled_from(list(StaleDelete)),
        is_down=st.booleans(),
    )
    def queue_changes(
        self, duplicates: float, losses: float, reorders: bool, stale_delete: StaleDelete, is_down: bool
    ) -> None:
        self.line.faults = QueueFaults(
            duplicates=duplicates, losses=losses, reorders=reorders, stale_delete=stale_delete
        )
        self.pipeline.storage.is_down = is_down

    @rule()
    def queue_forgets(self) -> None:
        self.line.forget_everything()

    @rule(seconds=st.sampled_from([5, 61, 301, 1000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    # What must be true after every step.

    @invariant()
    def every_active_job_has_an_owner_and_a_deadline(self) -> None:
        for job in self._active_jobs():
            assert self._deadline_of(job) <= self.clock.now() + LONGEST_WAIT, f"{job} is left alone"
            if job.state == JobState.RUNNING:
                assert job.worker_id
                assert job.lease_until

    @invariant()
    def the_limit_holds_and_no_slot_is_free_for_somebody_without_a_message(self) -> None:
        running = [job for job in self._active_jobs() if job.state == JobState.RUNNING]
        assert len(running) <= RUNNING_LIMIT
        assert tenants_with_forgotten_slots(running_limit=RUNNING_LIMIT) == []

    @invariant()
    def nobody_works_on_a_video_beside_those_of_an_earlier_job(self) -> None:
        for job in self._active_jobs():
            if job.state == JobState.RUNNING:
                assert not is_held(tenant_id=job.tenant_id, video_id=job.video_id, now=self.clock.now())

    @invariant()
    def chunks_belong_to_active_jobs_and_running_ones_have_a_lease(self) -> None:
        for chunk in TranscodeChunk.objects.for_tenant(self.pipeline.tenant).select_related("job"):
            is_being_left = chunk.job.state == JobState.CANCELLED and chunk.state == "RUNNING"
            assert chunk.job.state in ACTIVE_JOB_STATES or is_being_left
            assert chunk.state != "RUNNING" or (chunk.lease_until and chunk.worker_id)

    @invariant()
    def status_and_charge_follow_from_the_rows(self) -> None:
        total: dict[str, int] = {}
        for video in self._videos():
            assert video.status == current_projection(video)
            due = charge_due(video=video, upload=video.upload)
            total = {name: total.get(name, 0) + getattr(due, name) for name in due.__slots__}
        used = usage_of(self.pipeline.tenant)
        assert all(getattr(used, name) == amount for name, amount in total.items())

    @invariant()
    def who_could_watch_still_can(self) -> None:
        for video in self._videos():
            if video.status == "READY":
                self.was_ready.add(video.pk)
            assert video.pk not in self.was_ready or video.status == "READY"

    @invariant()
    def a_job_succeeds_once_and_its_attempt_is_what_is_shown(self) -> None:
        events = VideoEvent.objects.for_tenant(self.pipeline.tenant).filter(name="job_succeeded")
        succeeded = [(event.job_id, event.attempt) for event in events]
        assert len({job_id for job_id, _attempt in succeeded}) == len(succeeded)
        shown = {f"{job_id}-{attempt}" for job_id, attempt in succeeded}
        for video in self._videos():
            assert not video.published_prefix or video.published_prefix.rstrip("/").rpartition("/")[2] in shown

    def teardown(self) -> None:
        """Left alone, with workers that do their work, every job comes to its end in a bounded time."""
        self.line.faults = QueueFaults()
        self.pipeline.storage.is_down = False
        self.held.clear()
        for _ in range(8):
            self.clock.instant += LONGEST_WAIT
            self.sweep()
            self._work_it_off()
        assert [str(job) for job in self._active_jobs()] == []
        assert [video.pk for video in self._videos() if video.deleted_at and not video.purged_at] == []
        VideoTranscodeJob.objects.for_tenant(self.pipeline.tenant).delete()
        Video.objects.for_tenant(self.pipeline.tenant).delete()
        OutboxMessage.objects.all().delete()

    def _work_it_off(self) -> None:
        for _ in range(60):
            self.relay()
            self.receive()
            while self.held:
                held = self.held.pop()
                with suppress(LeaseLost):
                    transcode.publish_job(claim=held.claim, output=output_of(held.claim), clock=self.clock)
                self._delete(held.received)
            if (
                self.line.depth(queue_name="").visible == 0
                and not OutboxMessage.objects.filter(sent_at=None, due_at__lte=self.clock.now()).exists()
            ):
                return

    def _nothing_is_overdue(self) -> None:
        """After a sweep nobody waits for anything whose time is over, as far as the sweeper owns it."""
        for job in self._active_jobs():
            assert self._deadline_of(job) > self.clock.now() - SWEEP_GRACE, f"{job} is overdue"

    def _deadline_of(self, job: VideoTranscodeJob) -> datetime:
        """Return when somebody moves a job on at the latest: the relay, a worker, or the reconciler."""
        if job.state == JobState.RUNNING:
            assert job.lease_until is not None
            return job.lease_until
        if job.state == JobState.QUEUED and (job.capped_at or full_tenants(running_limit=RUNNING_LIMIT)):
            # Until one of those that run, or that a message is on its way for, leaves its slot.
            return self.clock.now()
        window = timedelta(seconds=django_settings.VIDEO_REDELIVERY_WINDOW_SECONDS)
        newest = OutboxMessage.objects.filter(subject=str(job.pk)).order_by("-id").first()
        known = [job.state_changed_at, *([job.next_attempt_at] if job.next_attempt_at else [])]
        if newest is not None and newest.sent_at is None:
            # The relay's, as soon as it runs: it has no deadline of its own while nobody runs one.
            return max(newest.due_at, self.clock.now())
        if newest is not None and newest.sent_at is not None:
            known.append(newest.sent_at)
        return max(known) + window

    def _fenced(self, held: Held, write: object) -> bool:
        """Write as a worker does: it succeeds exactly when the table says that the job is this attempt's."""
        is_ours = self._is_ours(held)
        try:
            write()  # type: ignore[operator]
        except LeaseLost:
            assert not is_ours
            return False
        assert is_ours
        return True

    def _is_ours(self, held: Held) -> bool:
        jobs = VideoTranscodeJob.objects.for_tenant(self.pipeline.tenant)
        return jobs.filter(pk=held.claim.job_id, state=JobState.RUNNING, attempt_count=held.claim.attempt).exists()

    def _delete(self, received: ReceivedMessage) -> None:
        with suppress(ReceiptHandleStale):
            self.line.delete(queue_name="", receipt_handle=received.receipt_handle)

    def _hide(self, received: ReceivedMessage, seconds: float) -> None:
        with suppress(ReceiptHandleStale):
            self.line.change_visibility(
                queue_name="", receipt_handle=received.receipt_handle, visibility_seconds=seconds
            )

    def _active_jobs(self) -> list[VideoTranscodeJob]:
        return list(VideoTranscodeJob.objects.for_tenant(self.pipeline.tenant).filter(state__in=ACTIVE_JOB_STATES))

    def _videos(self) -> list[Video]:
        rows = Video.objects.for_tenant(self.pipeline.tenant).select_related("upload", "current_job")
        return list(rows.order_by("id"))


def _plan() -> JobPlan:
    return JobPlan(
        digest="plan",
        variants=(Variant(name="360p", width=640, height=360, frames_per_second=25.0),),
        target_seconds={"360p": 6.0},
        has_audio=False,
        duration_seconds=12.0,
        chunks=tuple(
            Chunk(
                kind=ChunkKind.VIDEO,
                number=number,
                start_seconds=6.0 * number,
                end_seconds=6.0 * (number + 1),
                renditions=("360p",),
            )
            for number in range(3)
        ),
    )


@pytest.mark.django_db(transaction=True)
def test_every_state_that_is_not_final_has_an_owner_a_deadline_and_an_exit(settings: Any) -> None:
    """About twenty seconds."""
    settings.VIDEO_TENANT_RUNNING_LIMIT = RUNNING_LIMIT
    bounded = bounds(max_examples=10, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(JobMachine, settings=bounded)
