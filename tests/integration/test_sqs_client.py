"""Promises of the queue adapter to relay and worker, held over a real server that speaks SQS."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from apps.support.video import wiring
from libs.queue.client import (
    BATCH_LIMIT,
    OutgoingMessage,
    QueueDepth,
    QueueUnavailable,
    ReceiptHandleStale,
    ReceivedMessage,
    SQSQueueClient,
)
from tests.support.engines import Engines
from tests.support.queue import purge_queue
from tests.support.waiting import wait_until

QUEUE = str(settings.VIDEO_SQS_QUEUE_NAME)


@pytest.fixture
def queue(sqs_engine: None) -> Iterator[SQSQueueClient]:
    purge_queue()
    yield wiring.job_queue()
    purge_queue()


def client_of(endpoint_url: str, *, read_timeout_seconds: float = 0.3) -> SQSQueueClient:
    return SQSQueueClient(
        region="ap-northeast-2",
        endpoint_url=endpoint_url,
        access_key_id="x",
        secret_access_key="x",
        connect_timeout_seconds=0.3,
        read_timeout_seconds=read_timeout_seconds,
        attempts=1,
    )


def receive_one(queue: SQSQueueClient, *, queue_name: str = QUEUE, visibility_seconds: int = 30) -> ReceivedMessage:
    (message,) = queue.receive(
        queue_name=queue_name, max_messages=10, wait_seconds=5, visibility_seconds=visibility_seconds
    )
    return message


def outgoing(*bodies: str) -> list[OutgoingMessage]:
    return [OutgoingMessage(entry_id=f"entry-{number}", body=body) for number, body in enumerate(bodies)]


class TestSendAndReceive:
    @pytest.mark.parametrize("body", ["plain", '{"a": "한글 \\"quoted\\" \n ✓"}', "x" * 1024])
    def test_a_body_arrives_as_it_was_sent(self, queue: SQSQueueClient, body: str) -> None:
        message_id = queue.send_message(queue_name=QUEUE, message=body, group_id="demo")
        message = receive_one(queue)
        assert (message.message_id, message.body, message.receive_count) == (message_id, body, 1)

    def test_a_full_batch_arrives_whole(self, queue: SQSQueueClient) -> None:
        outcome = queue.send_batch(queue_name=QUEUE, messages=outgoing(*"abcdefghij"))
        assert (len(outcome.sent), outcome.refused) == (BATCH_LIMIT, {})
        assert len(set(outcome.sent.values())) == BATCH_LIMIT
        received = queue.receive(queue_name=QUEUE, max_messages=10, wait_seconds=1, visibility_seconds=30)
        assert sorted(message.body for message in received) == list("abcdefghij")

    def test_a_refused_entry_does_not_keep_the_others_back(self, queue: SQSQueueClient) -> None:
        outcome = queue.send_batch(queue_name=QUEUE, messages=outgoing("good", "not allowed: \x00", "fine"))
        assert set(outcome.sent) == {"entry-0", "entry-2"}
        assert set(outcome.refused) == {"entry-1"}
        assert "InvalidMessageContents" in outcome.refused["entry-1"]
        assert queue.depth(queue_name=QUEUE).visible == 2

    def test_a_single_message_that_is_refused_is_no_success(self, queue: SQSQueueClient) -> None:
        with pytest.raises(QueueUnavailable, match="InvalidMessageContents"):
            queue.send_message(queue_name=QUEUE, message="not allowed: \x00")

    def test_more_than_a_batch_is_the_callers_mistake(self, queue: SQSQueueClient) -> None:
        with pytest.raises(ValueError, match="at most 10"):
            queue.send_batch(queue_name=QUEUE, messages=outgoing(*"abcdefghijk"))
        assert queue.depth(queue_name=QUEUE) == QueueDepth(visible=0, in_flight=0, delayed=0)

    def test_an_empty_queue_answers_with_nothing(self, queue: SQSQueueClient) -> None:
        assert queue.receive(queue_name=QUEUE, max_messages=10, wait_seconds=0, visibility_seconds=30) == []


class TestVisibility:
    def test_a_received_message_is_hidden_until_its_time_is_over_and_counted_again(self, queue: SQSQueueClient) -> None:
        queue.send_message(queue_name=QUEUE, message="x")
        first = receive_one(queue, visibility_seconds=1)
        assert queue.depth(queue_name=QUEUE) == QueueDepth(visible=0, in_flight=1, delayed=0)
        assert queue.receive(queue_name=QUEUE, max_messages=1, wait_seconds=0, visibility_seconds=1) == []
        second = receive_one(queue)
        assert (second.message_id, second.receive_count) == (first.message_id, 2)
        assert second.receipt_handle != first.receipt_handle

    def test_zero_shows_it_at_once(self, queue: SQSQueueClient) -> None:
        """To the uploader: a worker that stops gives its job to the next one, not to the clock."""
        queue.send_message(queue_name=QUEUE, message="x")
        message = receive_one(queue)
        queue.change_visibility(queue_name=QUEUE, receipt_handle=message.receipt_handle, visibility_seconds=0)
        assert queue.depth(queue_name=QUEUE).visible == 1

    def test_a_longer_time_hides_it_longer(self, queue: SQSQueueClient) -> None:
        queue.send_message(queue_name=QUEUE, message="x")
        message = receive_one(queue, visibility_seconds=1)
        queue.change_visibility(queue_name=QUEUE, receipt_handle=message.receipt_handle, visibility_seconds=60)
        assert queue.receive(queue_name=QUEUE, max_messages=1, wait_seconds=2, visibility_seconds=1) == []

    @pytest.mark.parametrize("visibility_seconds", [-5.0, 43_201.0, 1e9])
    def test_a_time_outside_of_what_sqs_allows_is_brought_inside(
        self, queue: SQSQueueClient, visibility_seconds: float
    ) -> None:
        queue.send_message(queue_name=QUEUE, message="x")
        message = receive_one(queue)
        queue.change_visibility(
            queue_name=QUEUE, receipt_handle=message.receipt_handle, visibility_seconds=visibility_seconds
        )
        assert queue.depth(queue_name=QUEUE).visible == (1 if visibility_seconds < 0 else 0)


class TestDelete:
    def test_a_deleted_message_is_gone(self, queue: SQSQueueClient) -> None:
        queue.send_message(queue_name=QUEUE, message="x")
        queue.delete(queue_name=QUEUE, receipt_handle=receive_one(queue).receipt_handle)
        assert queue.depth(queue_name=QUEUE) == QueueDepth(visible=0, in_flight=0, delayed=0)

    def test_an_old_handle_does_not_take_the_message_from_its_new_holder(self, queue: SQSQueueClient) -> None:
        queue.send_message(queue_name=QUEUE, message="x")
        old = receive_one(queue, visibility_seconds=1)
        current = receive_one(queue)
        try_to(lambda: queue.delete(queue_name=QUEUE, receipt_handle=old.receipt_handle))
        assert queue.depth(queue_name=QUEUE).in_flight == 1
        queue.delete(queue_name=QUEUE, receipt_handle=current.receipt_handle)
        assert queue.depth(queue_name=QUEUE).in_flight == 0

    @pytest.mark.parametrize("handle", ["returned", "deleted", "invented"])
    def test_a_handle_that_is_not_ours_any_more_is_named(self, queue: SQSQueueClient, handle: str) -> None:
        queue.send_message(queue_name=QUEUE, message="x")
        message = receive_one(queue)
        if handle == "returned":
            queue.change_visibility(queue_name=QUEUE, receipt_handle=message.receipt_handle, visibility_seconds=0)
        elif handle == "deleted":
            queue.delete(queue_name=QUEUE, receipt_handle=message.receipt_handle)
        stale = "invented" if handle == "invented" else message.receipt_handle
        with pytest.raises(ReceiptHandleStale):
            queue.change_visibility(queue_name=QUEUE, receipt_handle=stale, visibility_seconds=10)


def try_to(delete: Callable[[], None]) -> None:
    # SQS may also answer this with success and delete nothing.
    try:
        delete()
    except ReceiptHandleStale:
        return


CALLS: dict[str, Callable[[SQSQueueClient, str], object]] = {
    "send_message": lambda queue, name: queue.send_message(queue_name=name, message="x"),
    "send_batch": lambda queue, name: queue.send_batch(queue_name=name, messages=outgoing("x")),
    "receive": lambda queue, name: queue.receive(queue_name=name, max_messages=1, wait_seconds=0, visibility_seconds=1),
    "delete": lambda queue, name: queue.delete(queue_name=name, receipt_handle="x"),
    "change_visibility": lambda queue, name: queue.change_visibility(
        queue_name=name, receipt_handle="x", visibility_seconds=1
    ),
    "depth": lambda queue, name: queue.depth(queue_name=name),
}
each_call = pytest.mark.parametrize("call", sorted(CALLS))


class TestUnavailable:
    @each_call
    def test_a_closed_port_is_an_unavailable_queue(self, call: str) -> None:
        with pytest.raises(QueueUnavailable):
            CALLS[call](client_of("http://127.0.0.1:1"), QUEUE)

    @each_call
    def test_a_queue_that_does_not_exist_is_an_unavailable_one(self, queue: SQSQueueClient, call: str) -> None:
        with pytest.raises(QueueUnavailable):
            CALLS[call](queue, "no-such-queue")

    def test_a_server_that_never_answers_costs_no_more_than_the_budget(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with pytest.raises(QueueUnavailable):
                client_of(f"http://127.0.0.1:{port}").send_message(queue_name=QUEUE, message="x")

    def test_a_parameter_that_the_server_refuses_is_no_stale_handle(self, queue: SQSQueueClient) -> None:
        """To the relay: only calls that name a receipt handle can lose one."""
        with pytest.raises(QueueUnavailable):
            queue.receive(queue_name=QUEUE, max_messages=11, wait_seconds=0, visibility_seconds=1)
        with pytest.raises(QueueUnavailable):
            queue.send_batch(queue_name=QUEUE, messages=[])

    def test_a_queue_that_comes_back_is_used_again_by_the_same_client(self, own_engines: Engines) -> None:
        """To the operator: nothing needs a restart after the queue had one, though it has forgotten everything."""
        server, own = own_engines.runner("sqs"), own_engines.environment()
        queue, client = own["VIDEO_SQS_QUEUE_NAME"], client_of(own["SQS_ENDPOINT_URL"], read_timeout_seconds=10)
        client.send_message(queue_name=queue, message="forgotten")
        server.kill()
        try:
            with pytest.raises(QueueUnavailable):
                client.send_message(queue_name=queue, message="x")
        finally:
            server.start()
        assert wait_until(lambda: try_send(client, queue), timeout_seconds=10)
        assert receive_one(client, queue_name=queue).body == "after"


def try_send(client: SQSQueueClient, queue_name: str) -> str:
    try:
        return client.send_message(queue_name=queue_name, message="after")
    except QueueUnavailable:
        return ""


def test_threads_share_a_client(queue: SQSQueueClient) -> None:
    """To the worker: its heartbeat and its consumer use the queue at the same time, from the first call on."""
    fresh = client_of(str(settings.SQS_ENDPOINT_URL), read_timeout_seconds=10)
    outcomes: list[Any] = []

    def send() -> None:
        outcomes.append(fresh.send_message(queue_name=QUEUE, message="x"))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(set(outcomes)) == 8
    assert queue.depth(queue_name=QUEUE).visible == 8
