"""Promises about chunks in the table: one worker at a time, a fence for the others, nothing finished is done again."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from apps.support.outbox.models import OutboxMessage
from apps.support.video.domain.chunks import (
    Chunk,
    ChunkKind,
    ChunkState,
    ClaimedChunk,
    InitSpan,
    JobPlan,
    Segment,
    TrackPart,
    Variant,
)
from apps.support.video.domain.contracts import ClaimedJob, TranscodeMessage
from apps.support.video.domain.errors import LeaseLost
from apps.support.video.models import TranscodeChunk, VideoTranscodeJob
from apps.support.video.services import chunks
from apps.support.video.services.chunks import MOST_HELPERS, MOST_LOSSES
from apps.support.video.services.transcode import hand_back_job, requeue_job
from apps.worker.video_worker.table_ledger import TableLedger
from libs.clock import SystemClock
from libs.observability.tracing import span
from tests.support.videos import Pipeline

pytestmark = pytest.mark.django_db

LEASE_SECONDS = 60.0
EVERYTHING = list(ChunkKind)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture
def job(pipeline: Pipeline) -> ClaimedJob:
    with span("request", parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        return pipeline.claim(pipeline.uploaded())


def video_chunk(number: int, *, last: bool = False) -> Chunk:
    end = None if last else 10.0 * (number + 1)
    return Chunk(
        kind=ChunkKind.VIDEO, number=number, start_seconds=10.0 * number, end_seconds=end, renditions=("720p", "360p")
    )


def audio_chunk() -> Chunk:
    return Chunk(kind=ChunkKind.AUDIO, number=0, start_seconds=0.0, end_seconds=None, renditions=("audio",))


def plan_of(*work: Chunk, digest: str = "first") -> JobPlan:
    return JobPlan(
        digest=digest,
        variants=(
            Variant(name="720p", width=1280, height=720, frames_per_second=30.0),
            Variant(name="360p", width=640, height=360, frames_per_second=30.0),
        ),
        target_seconds={"720p": 4.0, "360p": 4.0, "audio": 4.0},
        has_audio=any(chunk.kind is ChunkKind.AUDIO for chunk in work),
        duration_seconds=30.0,
        chunks=work,
    )


THREE = plan_of(audio_chunk(), video_chunk(0), video_chunk(1), video_chunk(2, last=True))


def part_of(rendition: str, *, start: float, seconds: float = 10.0, key: str = "k") -> TrackPart:
    return TrackPart(
        rendition=rendition,
        key=key,
        codec="avc1.64001f",
        start_seconds=start,
        frame_count=300,
        init=InitSpan(key=key, offset=0, size_bytes=700, digest="d"),
        segments=(Segment(duration_seconds=seconds, offset=700, size_bytes=1000),),
    )


def claim(job: ClaimedJob, *, kinds: Sequence[ChunkKind] = EVERYTHING, worker_id: str = "worker-a") -> ClaimedChunk:
    claimed = try_claim(job, kinds=kinds, worker_id=worker_id)
    assert claimed is not None
    return claimed


def try_claim(
    job: ClaimedJob, *, kinds: Sequence[ChunkKind] = EVERYTHING, worker_id: str = "worker-a"
) -> ClaimedChunk | None:
    return chunks.claim_chunk(
        tenant_id=job.tenant_id, job_id=job.job_id, kinds=kinds, worker_id=worker_id, lease_seconds=LEASE_SECONDS
    )


def finish(claimed: ClaimedChunk) -> None:
    start = claimed.chunk.start_seconds
    parts = [part_of(name, start=start) for name in claimed.chunk.renditions]
    chunks.finish_chunk(claim=claimed, parts=parts, said="")


def states(job: ClaimedJob) -> list[str]:
    statuses = chunks.chunk_statuses(tenant_id=job.tenant_id, job_id=job.job_id)
    return [str(status.state) for status in statuses]


def row(claimed: ClaimedChunk) -> TranscodeChunk:
    return TranscodeChunk.objects.for_tenant(claimed.tenant_id).get(pk=claimed.chunk_id)


def let_lease_end(claimed: ClaimedChunk) -> None:
    past = timezone.now() - timedelta(seconds=1)
    TranscodeChunk.objects.for_tenant(claimed.tenant_id).filter(pk=claimed.chunk_id).update(lease_until=past)


def playable_until(job: ClaimedJob) -> float:
    return VideoTranscodeJob.objects.for_tenant(job.tenant_id).get(pk=job.job_id).playable_until_seconds


class TestClaim:
    def test_chunks_are_handed_out_in_order_each_once(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        taken = [claim(job).chunk for _ in range(4)]
        assert taken == list(THREE.chunks)
        assert try_claim(job) is None

    def test_a_worker_may_ask_for_some_kinds_only(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        assert claim(job, kinds=[ChunkKind.VIDEO]).chunk == video_chunk(0)
        assert claim(job, kinds=[ChunkKind.AUDIO]).chunk == audio_chunk()
        assert try_claim(job, kinds=[ChunkKind.AUDIO, ChunkKind.COPY]) is None

    def test_a_chunk_whose_worker_went_silent_is_handed_out_again(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=plan_of(video_chunk(0, last=True)))
        lost = claim(job)
        assert try_claim(job, worker_id="worker-b") is None
        let_lease_end(lost)
        again = claim(job, worker_id="worker-b")
        assert (again.chunk_id, again.attempt) == (lost.chunk_id, 2)

    def test_a_chunk_that_workers_do_not_survive_is_given_up(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=plan_of(video_chunk(0, last=True)))
        for _ in range(MOST_LOSSES):
            let_lease_end(claim(job))
        assert try_claim(job) is None
        status = chunks.chunk_statuses(tenant_id=job.tenant_id, job_id=job.job_id)[0]
        assert (status.state, status.loss_count) == ("FAILED", MOST_LOSSES)

    def test_chunks_of_a_job_that_does_not_run_are_nobodys(self, pipeline: Pipeline, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        pipeline.retry_later(job)
        assert try_claim(job) is None

    def test_another_tenants_chunk_cannot_be_claimed(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        assert try_claim(replace(job, tenant_id=job.tenant_id + 1)) is None


class TestFence:
    def test_a_worker_that_lost_its_chunk_writes_nothing(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=plan_of(video_chunk(0, last=True)))
        loser = claim(job)
        let_lease_end(loser)
        winner = claim(job, worker_id="worker-b")
        before = vars_of(row(winner))

        with pytest.raises(LeaseLost):
            chunks.renew_chunk(claim=loser, done_seconds=5, lease_seconds=60)
        with pytest.raises(LeaseLost):
            chunks.record_part(claim=loser, part=part_of("720p", start=0))
        with pytest.raises(LeaseLost):
            finish(loser)
        chunks.release_chunk(claim=loser)
        assert vars_of(row(winner)) == before

    def test_a_chunk_ends_with_its_job(self, pipeline: Pipeline, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        helped = claim(job, worker_id="worker-b")
        pipeline.cancel(pipeline.fresh(VideoTranscodeJob.objects.for_tenant(job.tenant_id).get(pk=job.job_id).video))
        with pytest.raises(LeaseLost):
            chunks.renew_chunk(claim=helped, done_seconds=5, lease_seconds=60)
        # What is left is the lease: whoever comes after waits for it.
        assert states(job) == ["RUNNING"]

    @pytest.mark.parametrize("end", ["publish", "fail"])
    def test_no_rows_are_left_of_a_job_that_has_ended(self, pipeline: Pipeline, job: ClaimedJob, end: str) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        getattr(pipeline, end)(job)
        assert TranscodeChunk.objects.across_tenants().count() == 0

    def test_a_loser_of_the_job_cannot_enter_a_plan(self, pipeline: Pipeline, job: ClaimedJob) -> None:
        with pytest.raises(LeaseLost):
            chunks.enter_plan(claim=replace(job, attempt=job.attempt + 1), plan=THREE)
        assert states(job) == []


def vars_of(found: TranscodeChunk) -> dict[str, object]:
    return {name: value for name, value in vars(found).items() if not name.startswith("_")}


class TestBetweenAttempts:
    """To a fleet that is being replaced: a hand-over stops no helper, and leaves no chunk blocked."""

    @pytest.fixture
    def helped(self, job: ClaimedJob) -> ClaimedChunk:
        chunks.enter_plan(claim=job, plan=plan_of(video_chunk(0, last=True)))
        return claim(job, worker_id="helper")

    @pytest.fixture(params=["RETRY_WAIT", "QUEUED"])
    def between(self, job: ClaimedJob, helped: ClaimedChunk, request: pytest.FixtureRequest) -> VideoTranscodeJob:
        """The job after its worker has stopped, while its helper goes on."""
        hand_back_job(claim=job)
        found = VideoTranscodeJob.objects.for_tenant(job.tenant_id).get(pk=job.job_id)
        if request.param == "QUEUED":
            found = requeue_job(job=found, actor="worker", now=timezone.now())
        assert found.state == request.param
        return found

    def test_a_helper_goes_on_and_the_next_attempt_takes_over(
        self, pipeline: Pipeline, between: VideoTranscodeJob, helped: ClaimedChunk
    ) -> None:
        chunks.renew_chunk(claim=helped, done_seconds=5, lease_seconds=60)
        chunks.record_part(claim=helped, part=part_of("720p", start=0))
        finish(helped)
        second = pipeline.claim(between.video, worker_id="worker-c")
        chunks.enter_plan(claim=second, plan=plan_of(video_chunk(0, last=True)))
        assert (second.attempt, states(second)) == (2, ["DONE"])

    def test_a_helper_that_stops_too_gives_its_chunk_back(
        self, pipeline: Pipeline, between: VideoTranscodeJob, helped: ClaimedChunk
    ) -> None:
        chunks.release_chunk(claim=helped)
        assert (row(helped).state, row(helped).loss_count) == ("WAITING", 0)
        assert claim(pipeline.claim(between.video, worker_id="worker-c")).attempt == 2


class TestNextAttempt:
    def test_finished_chunks_are_taken_over(self, pipeline: Pipeline, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        finish(claim(job))
        finish(claim(job))
        chunks.release_chunk(claim=claim(job))
        second = next_attempt(pipeline, job)
        chunks.enter_plan(claim=second, plan=THREE)
        assert states(second) == ["DONE", "DONE", "WAITING", "WAITING"]
        assert len(chunks.parts_of_job(tenant_id=job.tenant_id, job_id=job.job_id)) == 3

    def test_another_plan_starts_anew(self, pipeline: Pipeline, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        finish(claim(job))
        finish(claim(job))
        second = next_attempt(pipeline, job)
        chunks.enter_plan(claim=second, plan=replace(THREE, digest="second"))
        assert states(second) == ["WAITING"] * 4
        assert chunks.parts_of_job(tenant_id=job.tenant_id, job_id=job.job_id) == ()
        assert playable_until(second) == 0

    def test_failed_chunks_get_another_chance(self, pipeline: Pipeline, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        for _ in range(MOST_LOSSES):
            let_lease_end(claim(job))
        assert try_claim(job, kinds=[ChunkKind.AUDIO]) is None
        assert "FAILED" in states(job)
        second = next_attempt(pipeline, job)
        chunks.enter_plan(claim=second, plan=THREE)
        assert states(second) == ["WAITING"] * 4

    def test_what_is_gone_from_storage_is_forgotten(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        finish(claim(job))
        chunks.discard_plan(claim=job)
        chunks.enter_plan(claim=job, plan=THREE)
        assert states(job) == ["WAITING"] * 4


def next_attempt(pipeline: Pipeline, job: ClaimedJob) -> ClaimedJob:
    pipeline.retry_later(job)
    found = VideoTranscodeJob.objects.for_tenant(job.tenant_id)
    found.filter(pk=job.job_id).update(next_attempt_at=timezone.now())
    return pipeline.claim(found.get(pk=job.job_id).video)


class TestPlayable:
    def test_it_grows_from_the_start_and_not_over_holes(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=plan_of(video_chunk(0), video_chunk(1), video_chunk(2, last=True)))
        first, second, third = claim(job), claim(job), claim(job)
        finish(third)
        assert playable_until(job) == 0
        finish(first)
        assert playable_until(job) == 10
        finish(second)
        assert playable_until(job) == 30

    def test_it_needs_the_sound_too(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=plan_of(audio_chunk(), video_chunk(0), video_chunk(1, last=True)))
        sound, first = claim(job), claim(job)
        finish(first)
        assert playable_until(job) == 0
        chunks.record_part(claim=sound, part=part_of("audio", start=0, seconds=4))
        assert playable_until(job) == 4
        chunks.record_part(claim=sound, part=part_of("audio", start=4, seconds=4))
        assert playable_until(job) == 8

    def test_sound_that_ends_early_keeps_nothing_back(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=plan_of(audio_chunk(), video_chunk(0, last=True)))
        sound, first = claim(job), claim(job)
        finish(first)
        chunks.finish_chunk(claim=sound, parts=[part_of("audio", start=0, seconds=2)], said="")
        assert playable_until(job) == 10


class TestHelp:
    def test_a_plan_calls_for_as_many_helpers_as_it_can_use(self, job: ClaimedJob) -> None:
        before = OutboxMessage.objects.count()
        chunks.enter_plan(claim=job, plan=THREE)
        calls = list(OutboxMessage.objects.order_by("id")[before:])
        assert len(calls) == 2
        assert all(TranscodeMessage.parse(call.body).is_call_for_help for call in calls)
        assert {call.traceparent for call in calls} == {job.traceparent} != {""}

    def test_a_long_plan_does_not_call_everybody(self, job: ClaimedJob) -> None:
        before = OutboxMessage.objects.count()
        many = [video_chunk(number) for number in range(MOST_HELPERS + 40)]
        chunks.enter_plan(claim=job, plan=plan_of(*many))
        assert OutboxMessage.objects.count() - before == MOST_HELPERS

    def test_a_single_chunk_calls_nobody(self, job: ClaimedJob) -> None:
        before = OutboxMessage.objects.count()
        chunks.enter_plan(claim=job, plan=plan_of(audio_chunk(), video_chunk(0, last=True)))
        assert OutboxMessage.objects.count() == before

    def test_help_goes_where_it_is_wanted(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        claim(job)
        wanted = chunks.claim_help(worker_id="worker-b", lease_seconds=60, left_alone=[])
        assert wanted is not None
        assert (wanted.claim.chunk, wanted.job) == (video_chunk(0), replace(job, plan_digest="first"))

    def test_a_helper_may_leave_a_job_alone(self, job: ClaimedJob) -> None:
        chunks.enter_plan(claim=job, plan=THREE)
        assert chunks.claim_help(worker_id="worker-b", lease_seconds=60, left_alone=[job.job_id]) is None

    def test_nobody_helps_where_all_is_being_done(self, job: ClaimedJob) -> None:
        assert chunks.claim_help(worker_id="worker-b", lease_seconds=60, left_alone=[]) is None
        chunks.enter_plan(claim=job, plan=plan_of(video_chunk(0, last=True)))
        claim(job)
        assert chunks.claim_help(worker_id="worker-b", lease_seconds=60, left_alone=[]) is None


@pytest.mark.django_db(transaction=True)
class TestLedger:
    def test_only_chunks_that_move_keep_their_lease(self, job: ClaimedJob) -> None:
        ledger = TableLedger(job, worker_id="worker-a", lease_seconds=60)
        ledger.open(THREE)
        moving, hung = ledger.claim(EVERYTHING), ledger.claim(EVERYTHING)
        assert moving is not None
        assert hung is not None
        before = row(hung.claim).lease_until
        ledger.moved(moving, 3.5)
        ledger.renew()
        assert (row(moving.claim).done_seconds, row(hung.claim).lease_until) == (3.5, before)

    def test_a_chunk_that_was_lost_is_told_once(self, job: ClaimedJob) -> None:
        ledger = TableLedger(job, worker_id="worker-a", lease_seconds=60)
        ledger.open(plan_of(video_chunk(0, last=True)))
        ticket = ledger.claim(EVERYTHING)
        assert ticket is not None
        let_lease_end(ticket.claim)
        claim(job, worker_id="worker-b")
        ledger.moved(ticket, 1.0)
        with pytest.raises(LeaseLost):
            ledger.renew()

    def test_no_two_tickets_write_under_one_key(self, job: ClaimedJob) -> None:
        ledger = TableLedger(job, worker_id="worker-a", lease_seconds=60)
        ledger.open(plan_of(video_chunk(0, last=True)))
        first = ledger.claim(EVERYTHING)
        assert first is not None
        ledger.release(first)
        second = ledger.claim(EVERYTHING)
        assert second is not None
        assert first.stem != second.stem
        assert first.stem.startswith(job.output_prefix)


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_share_all_chunks_and_get_none_twice(pipeline: Pipeline) -> None:
    """To ten helpers that one plan has called: nobody is sent away while another is just taking a chunk."""
    job = pipeline.claim(pipeline.uploaded())
    work = [video_chunk(number) for number in range(40)]
    chunks.enter_plan(claim=job, plan=plan_of(*work))

    def take_all(worker_id: str) -> list[int]:
        try:
            taken = []
            while (claimed := try_claim(job, worker_id=worker_id)) is not None:
                taken.append(claimed.chunk.number)
            return taken
        finally:
            connections.close_all()

    with transaction.atomic():
        first = claim(job)
        with ThreadPoolExecutor(max_workers=4) as executor:
            taken = list(executor.map(take_all, [f"worker-{number}" for number in range(4)]))
    assert sorted([first.chunk.number, *(number for numbers in taken for number in numbers)]) == list(range(40))


@pytest.mark.django_db(transaction=True)
def test_two_finishers_of_one_chunk_cannot_both_win(pipeline: Pipeline) -> None:
    job = pipeline.claim(pipeline.uploaded())
    chunks.enter_plan(claim=job, plan=plan_of(video_chunk(0, last=True)))
    claimed = claim(job)

    def try_finish(_number: int) -> bool:
        try:
            finish(claimed)
        except LeaseLost:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(max_workers=4) as executor:
        won = list(executor.map(try_finish, range(4)))
    assert won.count(True) == 1
    assert states(job) == [ChunkState.DONE]
