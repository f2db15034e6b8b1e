"""Promises to whoever waits for a video: how far it is, and how much longer it takes at the speed that was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from apps.support.video.domain.chunks import Chunk, ChunkKind, ChunkState, ChunkStatus
from apps.worker.video_worker.video.meter import COST_OF_SECOND, FROM_PERCENT, TO_PERCENT, ProgressMeter
from apps.worker.video_worker.video.planner import EncodePlan, plan_encode
from libs.clock import FixedClock
from libs.media.facts import facts_from
from libs.media.key_frames import KeyFrameIndex
from tests.support.videos import NOON

SECONDS = 1000.0


@dataclass
class Told:
    """What was reported last, and all percents."""

    percents: list[float] = field(default_factory=list)
    remaining_seconds: float | None = None
    moved_to: float | None = None

    def report(
        self, *, stage: str, percent: float, remaining_seconds: float | None = None, moved_to: float | None = None
    ) -> None:
        self.percents.append(percent)
        self.remaining_seconds, self.moved_to = remaining_seconds, moved_to

    def should_stop(self) -> bool:
        return False


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


def plan_of(seconds: float | None) -> EncodePlan:
    index = KeyFrameIndex(key_frames=tuple(float(at) for at in range(0, int(seconds or 0), 10)), is_plain=False)
    streams = [
        {"index": 0, "codec_type": "video", "codec_name": "vp9", "width": 640, "height": 360, "avg_frame_rate": "25/1"},
        {"index": 1, "codec_type": "audio", "codec_name": "opus", "channels": 2, "sample_rate": "48000"},
    ]
    container = {"format_name": "matroska,webm", **({"duration": str(seconds)} if seconds else {})}
    facts = facts_from({"streams": streams, "format": container}, fragmented=False)
    return plan_encode(facts, index=index if seconds else None)


def meter_of(plan: EncodePlan, told: Told, clock: FixedClock) -> ProgressMeter:
    return ProgressMeter(plan, told, monotonic=lambda: clock.now().timestamp())


def statuses(chunks: Sequence[Chunk], *, done_seconds: float = 0.0, state: ChunkState) -> list[ChunkStatus]:
    return [
        ChunkStatus(
            chunk_id=1,
            chunk=chunk,
            state=state,
            done_seconds=done_seconds,
            loss_count=0,
            said="",
        )
        for chunk in chunks
    ]


def cost_of_all() -> float:
    return SECONDS * (COST_OF_SECOND[ChunkKind.VIDEO] + COST_OF_SECOND[ChunkKind.AUDIO])


def videos(plan: EncodePlan) -> list[Chunk]:
    return [chunk for chunk in plan.chunks if chunk.kind is ChunkKind.VIDEO]


def test_every_half_second_of_work_moves_it_and_all_of_it_ends_below_a_hundred(told: Told, clock: FixedClock) -> None:
    plan = plan_of(SECONDS)
    meter = meter_of(plan, told, clock)
    for chunk in plan.chunks:
        reached, length = meter.of(chunk), (chunk.end_seconds or SECONDS) - chunk.start_seconds
        for half_seconds in range(1, int(length * 2) + 1):
            reached(half_seconds / 2)
        meter.finished(chunk)
    assert told.percents == sorted(set(told.percents))
    assert FROM_PERCENT < told.percents[0] < FROM_PERCENT + 0.1
    assert told.percents[-1] == pytest.approx(TO_PERCENT)
    assert told.remaining_seconds == 0


def test_what_is_left_takes_as_long_as_what_is_done_has_taken(told: Told, clock: FixedClock) -> None:
    plan = plan_of(SECONDS)
    meter = meter_of(plan, told, clock)
    clock.advance(seconds=40)
    meter.of(videos(plan)[0])(8.0)
    assert told.remaining_seconds == pytest.approx((cost_of_all() - 8) * 40 / 8, abs=0.1)
    clock.advance(seconds=40)
    meter.of(videos(plan)[1])(16.0)
    assert told.remaining_seconds == pytest.approx((cost_of_all() - 24) * 80 / 24, abs=0.1)


def test_what_an_attempt_before_has_done_counts_as_done_and_not_as_speed(told: Told, clock: FixedClock) -> None:
    plan = plan_of(SECONDS)
    meter = meter_of(plan, told, clock)
    first, second, *_ = videos(plan)
    meter.elsewhere(statuses([first], state=ChunkState.DONE))
    assert told.remaining_seconds is None
    clock.advance(seconds=10)
    meter.of(second)(5.0)
    done = (first.end_seconds or 0) + 5
    share = done / cost_of_all()
    assert told.percents[-1] == pytest.approx(FROM_PERCENT + (TO_PERCENT - FROM_PERCENT) * share)
    assert told.remaining_seconds == pytest.approx((cost_of_all() - done) * 10 / 5, abs=0.1)


def test_helpers_make_it_faster(told: Told, clock: FixedClock) -> None:
    plan = plan_of(SECONDS)
    meter = meter_of(plan, told, clock)
    first, second, *_ = videos(plan)
    meter.elsewhere([])
    clock.advance(seconds=10)
    meter.of(first)(5.0)
    alone = told.remaining_seconds
    meter.elsewhere(statuses([second], done_seconds=5.0, state=ChunkState.RUNNING))
    assert alone is not None
    assert told.remaining_seconds == pytest.approx(alone / 2, rel=0.02)


def test_a_source_that_does_not_say_how_long_it_is_still_shows_that_it_moves(told: Told, clock: FixedClock) -> None:
    plan = plan_of(None)
    reached = meter_of(plan, told, clock).of(plan.chunks[0])
    moved = []
    for seconds in (1.0, 2.0, 3.0):
        reached(seconds)
        moved.append(told.moved_to)
    assert moved == [1.0, 2.0, 3.0]
    assert (set(told.percents), told.remaining_seconds) == ({FROM_PERCENT}, None)
