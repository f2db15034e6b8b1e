"""Promises about a lease: it lives while work moves, and no longer."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.db import OperationalError

from apps.support.video.domain.contracts import JobProgress
from apps.support.video.domain.errors import LeaseLost
from apps.worker.video_worker import lease
from apps.worker.video_worker.lease import LeaseKeeper
from libs.observability import tracing
from libs.queue.client import QueueUnavailable
from tests.support.waiting import wait_until

TICK_SECONDS = 0.01


@dataclass
class Table:
    """Remembers renewals. `answer` is raised by the next ones."""

    renewals: list[JobProgress] = field(default_factory=list)
    answer: Exception | None = None
    tries: int = 0

    def renew(self, progress: JobProgress) -> None:
        self.tries += 1
        if self.answer is not None:
            raise self.answer
        self.renewals.append(progress)


@dataclass
class Message:
    """Remembers extensions. `answer` is raised by the next ones."""

    extensions: int = 0
    answer: Exception | None = None

    def extend(self) -> None:
        self.extensions += 1
        if self.answer is not None:
            raise self.answer


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def message() -> Message:
    return Message()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def make_keeper(table: Table, message: Message, stopping: threading.Event) -> Callable[..., LeaseKeeper]:
    def make(*, lease_seconds: float = 60.0) -> LeaseKeeper:
        return LeaseKeeper(
            renew=table.renew,
            extend_visibility=message.extend,
            lease_seconds=lease_seconds,
            stopping=stopping,
            tick_seconds=TICK_SECONDS,
        )

    return make


def let_ticks_pass(count: int = 10) -> None:
    """Wait so long that the keeper has looked several times."""
    threading.Event().wait(TICK_SECONDS * count)


def wait_for_renewals(table: Table, count: int) -> None:
    wait_until(lambda: len(table.renewals) == count, timeout_seconds=5, message=f"{count} renewals")


def test_movement_renews_lease_and_visibility_together(
    make_keeper: Callable[..., LeaseKeeper], table: Table, message: Message
) -> None:
    with make_keeper() as keeper:
        keeper.report(stage="encoding", percent=10.0, remaining_seconds=30.0)
        wait_until(lambda: message.extensions, timeout_seconds=5)
    assert table.renewals == [JobProgress(stage="encoding", percent=10.0, remaining_seconds=30.0)]
    assert message.extensions == 1


def test_what_the_keeper_says_is_of_the_attempts_trace(stopping: threading.Event) -> None:
    """To the operator: a renewal that fails is logged beside the job that is about to be lost."""
    place, seen = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", []
    with tracing.span("process job", parent=place):
        keeper = LeaseKeeper(
            renew=lambda _: seen.append(tracing.current_traceparent()),
            extend_visibility=lambda: None,
            lease_seconds=60.0,
            stopping=stopping,
            tick_seconds=TICK_SECONDS,
        )
    with keeper:
        keeper.report(stage="encoding", percent=10.0)
        wait_until(lambda: seen, timeout_seconds=5)
    assert seen == [place]


def test_work_that_does_not_move_does_not_keep_its_lease(make_keeper: Callable[..., LeaseKeeper], table: Table) -> None:
    """A hung encoder says the same again and again: that must not hold the job for ever."""
    with make_keeper() as keeper:
        keeper.report(stage="encoding", percent=10.0, moved_to=3.0)
        wait_until(lambda: table.renewals, timeout_seconds=5)
        for _ in range(20):
            keeper.report(stage="encoding", percent=10.0, moved_to=3.0)
            let_ticks_pass(1)
    assert len(table.renewals) == 1


def test_no_report_at_all_renews_nothing(make_keeper: Callable[..., LeaseKeeper], table: Table) -> None:
    with make_keeper():
        let_ticks_pass()
    assert table.tries == 0


def test_movement_without_percent_counts(make_keeper: Callable[..., LeaseKeeper], table: Table) -> None:
    """Of a source without a duration only the movement can be told."""
    with make_keeper() as keeper:
        keeper.report(stage="encoding", percent=2.0, moved_to=1.0)
        wait_until(lambda: len(table.renewals) == 1, timeout_seconds=5)
        keeper.report(stage="encoding", percent=2.0, moved_to=2.0)
        wait_until(lambda: len(table.renewals) == 2, timeout_seconds=5)


def test_percent_never_goes_back(make_keeper: Callable[..., LeaseKeeper], table: Table) -> None:
    with make_keeper() as keeper:
        keeper.report(stage="encoding", percent=50.0)
        keeper.report(stage="verifying", percent=1.0)
        wait_until(lambda: table.renewals, timeout_seconds=5)
    assert table.renewals[-1].percent == 50.0


def test_however_often_work_reports_it_is_written_once_a_tick(
    make_keeper: Callable[..., LeaseKeeper], table: Table
) -> None:
    """To the database: an encoder reports several times a second, on each of its threads; a tick is a second."""
    started, reports = time.monotonic(), 0
    with make_keeper() as keeper:
        while len(table.renewals) < 5:
            reports += 1
            keeper.report(stage="encoding", percent=min(99.0, reports / 1000))
    assert len(table.renewals) <= (time.monotonic() - started) / TICK_SECONDS + 1
    assert reports > 10 * len(table.renewals)
    assert lease.TICK_SECONDS == 1.0


def test_visibility_is_extended_by_thirds_of_a_lease(
    make_keeper: Callable[..., LeaseKeeper], table: Table, message: Message
) -> None:
    with make_keeper(lease_seconds=600.0) as keeper:
        for step in range(1, 6):
            keeper.report(stage="encoding", percent=float(step))
            wait_for_renewals(table, step)
    assert message.extensions == 1


def test_a_lost_lease_stops_the_work_and_is_not_asked_for_again(
    make_keeper: Callable[..., LeaseKeeper], table: Table, message: Message
) -> None:
    table.answer = LeaseLost("another attempt")
    with make_keeper() as keeper:
        assert keeper.should_stop() is False
        keeper.report(stage="encoding", percent=10.0)
        wait_until(keeper.should_stop, timeout_seconds=5)
        keeper.report(stage="encoding", percent=20.0)
        let_ticks_pass()
    assert keeper.lost.is_set()
    assert (table.tries, message.extensions) == (1, 0)


def test_a_database_that_is_away_is_asked_again_and_stops_nothing(
    make_keeper: Callable[..., LeaseKeeper], table: Table
) -> None:
    table.answer = OperationalError("gone")
    with make_keeper() as keeper:
        keeper.report(stage="encoding", percent=10.0)
        wait_until(lambda: table.tries >= 3, timeout_seconds=5)
        assert keeper.should_stop() is False
        table.answer = None
        wait_until(lambda: table.renewals, timeout_seconds=5)


def test_a_queue_that_is_away_stops_nothing(
    make_keeper: Callable[..., LeaseKeeper], table: Table, message: Message
) -> None:
    message.answer = QueueUnavailable("gone")
    with make_keeper(lease_seconds=0.01) as keeper:
        for step in range(1, 4):
            keeper.report(stage="encoding", percent=float(step))
            wait_for_renewals(table, step)
        assert keeper.should_stop() is False
    assert message.extensions >= 2


def test_a_worker_that_shuts_down_stops_the_work(
    make_keeper: Callable[..., LeaseKeeper], stopping: threading.Event
) -> None:
    with make_keeper() as keeper:
        assert keeper.should_stop() is False
        stopping.set()
        assert keeper.should_stop() is True
    assert not keeper.lost.is_set()


def test_the_keeper_ends_with_the_work(make_keeper: Callable[..., LeaseKeeper]) -> None:
    before = threading.active_count()
    with make_keeper() as keeper:
        keeper.report(stage="encoding", percent=10.0)
    assert threading.active_count() == before
