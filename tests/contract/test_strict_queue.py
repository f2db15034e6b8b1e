"""To whoever trusts a fast test: its queue does what a real server does, and on demand all else that SQS may do."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from django.conf import settings

from apps.support.video import wiring
from libs.clock import FixedClock, SystemClock
from libs.queue.client import (
    OutgoingMessage,
    QueueDepth,
    QueueUnavailable,
    ReceiptHandleStale,
    ReceivedMessage,
    SQSQueueClient,
)
from tests.support.queue import purge_queue
from tests.support.strict_queue import QueueFaults, StaleDelete, StrictQueue
from tests.support.waiting import wait_until

QUEUE = str(settings.VIDEO_SQS_QUEUE_NAME)
VISIBILITY_SECONDS = 1


@dataclass(frozen=True)
class Line:
    """A queue, and how time passes for it."""

    queue: SQSQueueClient | StrictQueue
    clock: FixedClock | None

    def send(self, *bodies: str) -> None:
        messages = [OutgoingMessage(entry_id=str(number), body=body) for number, body in enumerate(bodies)]
        outcome = self.queue.send_batch(queue_name=QUEUE, messages=messages)
        assert (len(set(outcome.sent.values())), outcome.refused) == (len(bodies), {})

    def receive(self, *, most: int = 10, visibility_seconds: int = 30) -> list[ReceivedMessage]:
        return self.queue.receive(
            queue_name=QUEUE, max_messages=most, wait_seconds=0, visibility_seconds=visibility_seconds
        )

    def delete(self, message: ReceivedMessage) -> None:
        self.queue.delete(queue_name=QUEUE, receipt_handle=message.receipt_handle)

    def hide(self, message: ReceivedMessage, seconds: float) -> None:
        self.queue.change_visibility(
            queue_name=QUEUE, receipt_handle=message.receipt_handle, visibility_seconds=seconds
        )

    def depth(self) -> QueueDepth:
        return self.queue.depth(queue_name=QUEUE)

    def receive_when_visible(self) -> ReceivedMessage:
        """Let the visibility time of a test's message pass, whoever's time that is, and receive it again."""
        if self.clock is not None:
            self.clock.advance(seconds=VISIBILITY_SECONDS)
        (message,) = wait_until(self.receive, timeout_seconds=5, message="it shows again")
        return message


def double(**faults: object) -> Line:
    clock = FixedClock(SystemClock().now())
    return Line(StrictQueue(clock, faults=QueueFaults(**faults)), clock)  # type: ignore[arg-type]


@pytest.fixture(params=["double", "server"])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    if request.param == "double":
        yield double()
        return
    request.getfixturevalue("sqs_engine")
    purge_queue()
    yield Line(wiring.job_queue(), None)
    purge_queue()


class TestBothAlike:
    def test_a_batch_arrives_whole_and_hidden_from_others(self, line: Line) -> None:
        line.send("a", "b", "c")
        received = line.receive()
        assert sorted(message.body for message in received) == ["a", "b", "c"]
        assert {message.receive_count for message in received} == {1}
        assert line.receive() == []
        assert line.depth() == QueueDepth(visible=0, in_flight=3, delayed=0)

    def test_no_more_are_received_than_asked_for(self, line: Line) -> None:
        line.send("a", "b", "c")
        assert len(line.receive(most=2)) == 2
        assert len(line.receive(most=2)) == 1

    def test_what_is_not_deleted_comes_again_under_another_handle(self, line: Line) -> None:
        line.send("a")
        (first,) = line.receive(visibility_seconds=VISIBILITY_SECONDS)
        second = line.receive_when_visible()
        assert (second.message_id, second.body, second.receive_count) == (first.message_id, "a", 2)
        assert second.receipt_handle != first.receipt_handle

    def test_a_deleted_message_is_gone(self, line: Line) -> None:
        line.send("a")
        (message,) = line.receive()
        line.delete(message)
        assert line.depth() == QueueDepth(visible=0, in_flight=0, delayed=0)

    def test_a_message_given_back_is_there_at_once(self, line: Line) -> None:
        line.send("a")
        (message,) = line.receive()
        line.hide(message, 0)
        (again,) = line.receive()
        assert again.receive_count == 2

    def test_a_handle_of_an_earlier_receive_hides_nothing(self, line: Line) -> None:
        line.send("a")
        (first,) = line.receive()
        line.hide(first, 0)
        line.receive(visibility_seconds=VISIBILITY_SECONDS)
        with pytest.raises(ReceiptHandleStale):
            line.hide(first, 600)
        assert line.receive_when_visible().receive_count == 3

    def test_deleting_once_more_does_no_harm(self, line: Line) -> None:
        line.send("a", "b")
        first, second = line.receive()
        line.delete(first)
        with suppress(ReceiptHandleStale):
            line.delete(first)
        assert line.depth().in_flight == 1
        line.delete(second)


def test_the_server_refuses_or_ignores_an_old_handle_which_the_double_can_do_too(sqs_engine: None) -> None:
    purge_queue()
    server = Line(wiring.job_queue(), None)
    server.send("a")
    (first,) = server.receive()
    server.hide(first, 0)
    server.receive()
    with suppress(ReceiptHandleStale):
        server.delete(first)
    assert server.depth().in_flight == 1
    purge_queue()


class TestWhatOnlyTheDoubleCanBeToldToDo:
    @pytest.mark.parametrize(
        ("stale_delete", "left"), [(StaleDelete.IGNORED, 1), (StaleDelete.REFUSED, 1), (StaleDelete.DELETES, 0)]
    )
    def test_an_old_handle_does_each_of_what_it_may(self, stale_delete: StaleDelete, left: int) -> None:
        line = double(stale_delete=stale_delete)
        line.send("a")
        (first,) = line.receive()
        line.hide(first, 0)
        line.receive()
        if stale_delete is StaleDelete.REFUSED:
            with pytest.raises(ReceiptHandleStale):
                line.delete(first)
        else:
            line.delete(first)
        assert line.depth().in_flight == left

    def test_duplicates_are_received_twice_and_can_be_deleted_by_the_newest_handle(self) -> None:
        line = double(duplicates=1.0)
        line.send("a")
        (first,), (second,) = line.receive(), line.receive()
        assert (first.message_id, first.receive_count) == (second.message_id, 1)
        assert second.receive_count == 2
        line.delete(second)
        assert line.receive() == []

    def test_messages_come_in_any_order(self) -> None:
        line = double(reorders=True)
        orders = Counter()  # type: ignore[var-annotated]
        for _ in range(20):
            line.send("a", "b", "c")
            received = line.receive()
            orders["".join(message.body for message in received)] += 1
            for message in received:
                line.delete(message)
        assert len(orders) > 2

    def test_an_acknowledged_message_may_be_lost(self) -> None:
        line = double(losses=1.0)
        line.send("a")
        assert line.depth() == QueueDepth(visible=0, in_flight=0, delayed=0)

    def test_a_message_may_show_late(self) -> None:
        line = double(longest_delay_seconds=60.0)
        line.send("a")
        assert line.depth() == QueueDepth(visible=0, in_flight=0, delayed=1)
        assert line.clock is not None
        line.clock.advance(seconds=60)
        assert len(line.receive()) == 1

    def test_a_send_that_failed_may_have_been_sent(self) -> None:
        line = double(answers_lost=1.0)
        with pytest.raises(QueueUnavailable):
            line.send("a")
        assert [message.body for message in line.receive()] == ["a"]

    def test_after_too_many_receives_the_message_is_in_the_dlq(self) -> None:
        clock = FixedClock(SystemClock().now())
        queue = StrictQueue(clock, max_receive_count=2)
        line = Line(queue, clock)
        body = str(uuid.uuid4())
        line.send(body)
        for _ in range(2):
            (message,) = line.receive()
            line.hide(message, 0)
        assert line.receive() == []
        assert (queue.dead, queue.bodies) == ([body], [])

    def test_a_stopped_queue_answers_nothing_and_forgets_nothing(self) -> None:
        line = double()
        line.send("a")
        assert isinstance(line.queue, StrictQueue)
        line.queue.faults.is_down = True
        for call in (lambda: line.send("b"), line.receive, line.depth):
            with pytest.raises(QueueUnavailable):
                call()
        line.queue.faults.is_down = False
        assert line.queue.bodies == ["a"]
        line.queue.forget_everything()
        assert line.receive() == []
