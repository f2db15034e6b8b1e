"""Promises about the outbox: what is committed is sent, at least once, by whoever is alive; what is not, is not."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import DataError, connection, connections, transaction

from apps.support.outbox import outbox
from apps.support.outbox.companions import CompanionCrashed, running_companions
from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.process import run_relay
from apps.support.outbox.relay import (
    DRAIN_LIMIT,
    KEEP_SENT,
    RESERVATION,
    DrainReport,
    NotSent,
    drain_once,
    prune_sent,
    send_now,
)
from apps.support.video.domain.errors import JobHeld
from libs.clock import FixedClock, SystemClock
from libs.db.guards import TransactionGuardError
from libs.queue.client import BatchOutcome, OutgoingMessage
from tests.support.videos import NOON, Pipeline, RecordingSender, messages_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db

QUEUE = "jobs"


class Killed(BaseException):
    """The process dies here: nothing after this line runs."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def sender() -> RecordingSender:
    return RecordingSender()


def add(body: str = "hello", *, queue_name: str = QUEUE, now: datetime = NOON, **changes: object) -> OutboxMessage:
    with transaction.atomic():
        return outbox.add(
            queue_name=queue_name,
            body=body,
            group_id="demo",
            subject=f"about-{body}",
            now=now,
            **changes,  # type: ignore[arg-type]
        )


def unsent() -> list[str]:
    return list(OutboxMessage.objects.filter(sent_at=None).order_by("id").values_list("body", flat=True))


def in_thread(call: Callable[[], object]) -> object:
    try:
        return call()
    finally:
        connections.close_all()


class TestAdd:
    def test_a_message_needs_the_transaction_that_it_belongs_to(self) -> None:
        with pytest.raises(TransactionGuardError):
            outbox.add(queue_name=QUEUE, body="x", group_id="demo", subject="s", now=NOON)
        assert OutboxMessage.objects.count() == 0

    def test_a_rollback_sends_nothing(self, clock: FixedClock, sender: RecordingSender) -> None:
        with transaction.atomic():
            outbox.add(queue_name=QUEUE, body="x", group_id="demo", subject="s", now=NOON)
            transaction.set_rollback(True)
        assert drain_once(queue=sender, clock=clock) == DrainReport(reserved=0, sent=0, failed=0)
        assert sender.sent == []

    def test_an_open_transaction_keeps_the_relay_from_sending(self, clock: FixedClock, sender: RecordingSender) -> None:
        """To the database: the network is never waited for while rows are locked."""
        add()
        with transaction.atomic(), pytest.raises(TransactionGuardError):
            drain_once(queue=sender, clock=clock)
        with transaction.atomic(), pytest.raises(TransactionGuardError):
            send_now(message_id=1, queue=sender, clock=clock, timeout_seconds=1)
        assert sender.sent == []


class TestDrain:
    def test_a_due_message_is_sent_as_it_is_and_marked(self, clock: FixedClock, sender: RecordingSender) -> None:
        message = add("body")
        clock.advance(seconds=5)
        assert drain_once(queue=sender, clock=clock) == DrainReport(reserved=1, sent=1, failed=0)

        (sent,) = sender.sent
        assert (sent.body, sent.group_id) == ("body", "demo")
        message.refresh_from_db()
        assert (message.sent_at, message.attempt_count, message.last_error) == (clock.now(), 1, "")
        assert message.queue_message_id
        assert drain_once(queue=sender, clock=clock) == DrainReport(reserved=0, sent=0, failed=0)

    def test_the_oldest_go_first_in_batches_of_ten(self, clock: FixedClock, sender: RecordingSender) -> None:
        for number in range(25):
            add(str(number), due_at=NOON + timedelta(seconds=number))
        clock.advance(seconds=60)
        assert drain_once(queue=sender, clock=clock).sent == 25
        assert [message.body for message in sender.sent] == [str(number) for number in range(25)]
        assert sender.batch_sizes == [10, 10, 5]

    def test_a_step_sends_no_more_than_its_limit(self, clock: FixedClock, sender: RecordingSender) -> None:
        for number in range(5):
            add(str(number))
        assert drain_once(queue=sender, clock=clock, limit=3).sent == 3
        assert unsent() == ["3", "4"]

    def test_messages_of_two_queues_never_share_a_batch(self, clock: FixedClock, sender: RecordingSender) -> None:
        for number in range(3):
            add(str(number), queue_name=f"queue-{number % 2}")
        assert drain_once(queue=sender, clock=clock).sent == 3
        assert sorted(sender.batch_sizes) == [1, 2]

    def test_a_message_that_is_not_due_waits(self, clock: FixedClock, sender: RecordingSender) -> None:
        add(due_at=NOON + timedelta(seconds=30))
        clock.advance(seconds=29)
        assert drain_once(queue=sender, clock=clock).reserved == 0
        clock.advance(seconds=1)
        assert drain_once(queue=sender, clock=clock).sent == 1


class TestFailure:
    def test_a_queue_that_is_down_is_asked_less_and_less_often(
        self, clock: FixedClock, sender: RecordingSender
    ) -> None:
        message = add()
        sender.is_down = True
        waits = []
        for attempt in range(1, 11):
            assert drain_once(queue=sender, clock=clock) == DrainReport(reserved=1, sent=0, failed=1)
            message.refresh_from_db()
            assert (message.sent_at, message.attempt_count) == (None, attempt)
            assert "stopped" in message.last_error
            waits.append((message.due_at - clock.now()).total_seconds())
            assert drain_once(queue=sender, clock=clock).reserved == 0
            clock.instant = message.due_at
        assert waits == [0.5, 1, 2, 4, 5, 5, 5, 5, 5, 5]

        sender.is_down = False
        assert drain_once(queue=sender, clock=clock).sent == 1
        message.refresh_from_db()
        assert (message.sent_at, message.last_error) == (clock.now(), "")

    def test_a_refused_entry_does_not_keep_the_others_back(self, clock: FixedClock) -> None:
        class Picky(RecordingSender):
            def send_batch(self, *, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome:
                taken = [message for message in messages if message.body != "bad"]
                outcome = super().send_batch(queue_name=queue_name, messages=taken)
                refused = {message.entry_id: "InvalidMessageContents" for message in messages if message.body == "bad"}
                return BatchOutcome(sent=outcome.sent, refused=refused)

        for body in ("good", "bad", "better"):
            add(body)
        assert drain_once(queue=Picky(), clock=clock) == DrainReport(reserved=3, sent=2, failed=1)
        assert unsent() == ["bad"]
        assert OutboxMessage.objects.get(body="bad").last_error == "InvalidMessageContents"

    def test_a_message_that_the_answer_forgets_counts_as_unsent(self, clock: FixedClock) -> None:
        class Forgetful(RecordingSender):
            def send_batch(self, *, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome:
                return BatchOutcome(sent={}, refused={})

        add()
        assert drain_once(queue=Forgetful(), clock=clock).failed == 1
        assert unsent() == ["hello"]


class TestCrash:
    def test_a_relay_that_dies_before_it_sends_frees_its_rows_by_doing_nothing(
        self, clock: FixedClock, sender: RecordingSender
    ) -> None:
        add()
        with pytest.raises(Killed):
            drain_once(queue=RecordingSender(on_send=die), clock=clock)

        assert drain_once(queue=sender, clock=clock).reserved == 0
        clock.advance(seconds=RESERVATION.total_seconds() - 1)
        assert drain_once(queue=sender, clock=clock).reserved == 0
        clock.advance(seconds=1)
        assert drain_once(queue=sender, clock=clock).sent == 1

    def test_a_relay_that_dies_between_send_and_mark_costs_a_second_message_and_no_second_effect(self) -> None:
        """To the uploader: at-least-once delivery, exactly-once effect."""
        pipeline = Pipeline()
        pipeline.sender.is_down = True
        video = pipeline.pending()
        pipeline.put(video)
        with pytest.raises(Exception, match="VIDEO_UPLOAD_ENQUEUE_FAILED"):
            pipeline.complete(video)
        pipeline.sender.is_down = False
        pipeline.fixed_clock.advance(seconds=60)

        with pytest.raises(Killed):
            drain_once(queue=DiesAfterSending(pipeline.sender), clock=pipeline.clock)
        pipeline.fixed_clock.advance(seconds=60)
        drain_once(queue=pipeline.sender, clock=pipeline.clock)

        job = pipeline.job_of(video)
        assert pipeline.sender.job_ids == [job.pk, job.pk]
        assert len(messages_of(job)) == 1
        pipeline.claim(video, worker_id="first")
        with pytest.raises(JobHeld):
            pipeline.claim(video, worker_id="second")
        assert pipeline.events_of(video).count("job_claimed") == 1


def die() -> None:
    raise Killed


class DiesAfterSending:
    """A relay's queue at the moment when its process is killed: SQS has the messages, the rows do not know."""

    def __init__(self, sender: RecordingSender) -> None:
        self._sender = sender

    def send_batch(self, *, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome:
        self._sender.send_batch(queue_name=queue_name, messages=messages)
        raise Killed


class TestSendNow:
    def test_the_grace_leaves_the_row_to_its_caller_and_then_to_the_relay(
        self, clock: FixedClock, sender: RecordingSender
    ) -> None:
        add("mine", sender_grace=timedelta(seconds=3))
        left = add("left behind", sender_grace=timedelta(seconds=3))
        assert drain_once(queue=sender, clock=clock).reserved == 0
        send_now(message_id=left.pk - 1, queue=sender, clock=clock, timeout_seconds=1)
        assert [message.body for message in sender.sent] == ["mine"]
        clock.advance(seconds=3)
        assert drain_once(queue=sender, clock=clock).sent == 1
        assert [message.body for message in sender.sent] == ["mine", "left behind"]

    def test_a_message_that_was_sent_already_is_not_sent_again(
        self, clock: FixedClock, sender: RecordingSender
    ) -> None:
        message = add()
        drain_once(queue=sender, clock=clock)
        send_now(message_id=message.pk, queue=sender, clock=clock, timeout_seconds=1)
        assert len(sender.sent) == 1

    def test_a_queue_that_is_down_is_said_at_once_and_the_relay_goes_on(
        self, clock: FixedClock, sender: RecordingSender
    ) -> None:
        message = add()
        sender.is_down = True
        with pytest.raises(NotSent, match="stopped"):
            send_now(message_id=message.pk, queue=sender, clock=clock, timeout_seconds=30)
        assert unsent() == ["hello"]
        sender.is_down = False
        clock.advance(seconds=1)
        assert drain_once(queue=sender, clock=clock).sent == 1

    def test_a_row_that_a_dead_relay_reserved_is_not_waited_for_longer_than_agreed(
        self, clock: FixedClock, sender: RecordingSender
    ) -> None:
        message = add()
        with pytest.raises(Killed):
            drain_once(queue=RecordingSender(on_send=die), clock=clock)
        with pytest.raises(NotSent):
            send_now(message_id=message.pk, queue=sender, clock=clock, timeout_seconds=0.1)
        assert sender.sent == []

    @pytest.mark.django_db(transaction=True)
    def test_a_row_that_a_relay_is_sending_is_waited_for_and_sent_once(self, clock: FixedClock) -> None:
        message = add()
        sending, go_on = threading.Event(), threading.Event()

        def pause() -> None:
            sending.set()
            assert go_on.wait(timeout=20)

        sender = RecordingSender(on_send=pause)
        with ThreadPoolExecutor(2) as pool:
            relay = pool.submit(in_thread, lambda: drain_once(queue=sender, clock=clock))
            assert sending.wait(timeout=20)
            caller = pool.submit(
                in_thread, lambda: send_now(message_id=message.pk, queue=sender, clock=clock, timeout_seconds=20)
            )
            go_on.set()
            relay.result(timeout=20)
            caller.result(timeout=20)
        assert len(sender.sent) == 1


@pytest.mark.django_db(transaction=True)
def test_relays_side_by_side_never_send_a_row_twice(clock: FixedClock) -> None:
    for number in range(300):
        add(str(number))
    sender = RecordingSender()
    barrier = threading.Barrier(4)

    def drain_all() -> int:
        barrier.wait(timeout=20)
        sent = 0
        while report := drain_once(queue=sender, clock=clock, limit=20).sent:
            sent += report
        return sent

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(lambda _: in_thread(drain_all), range(4)))
    assert sum(shares) == 300  # type: ignore[arg-type]
    assert Counter(message.body for message in sender.sent) == Counter(str(number) for number in range(300))
    assert unsent() == []


@pytest.mark.django_db(transaction=True)
def test_a_relay_does_not_wait_for_the_rows_of_another(clock: FixedClock, sender: RecordingSender) -> None:
    for body in ("held", "free"):
        add(body)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        list(OutboxMessage.objects.select_for_update().filter(body="held"))
        report = pool.submit(in_thread, lambda: drain_once(queue=sender, clock=clock)).result(timeout=20)
    assert report == DrainReport(reserved=1, sent=1, failed=0)
    assert unsent() == ["held"]


class TestPrune:
    def test_only_what_was_sent_long_ago_goes(self, clock: FixedClock, sender: RecordingSender) -> None:
        add("old")
        drain_once(queue=sender, clock=clock)
        add("unsent")
        clock.advance(seconds=KEEP_SENT.total_seconds() + 1)
        add("fresh", now=clock.now())
        fresh = OutboxMessage.objects.get(body="fresh")
        send_now(message_id=fresh.pk, queue=sender, clock=clock, timeout_seconds=1)

        assert prune_sent(clock=clock) == 1
        assert set(OutboxMessage.objects.values_list("body", flat=True)) == {"unsent", "fresh"}


@pytest.mark.django_db(transaction=True)
class TestLoop:
    # Longer than any test waits: whatever is sent within the test was woken by its notification.
    POLL_SECONDS = 120.0
    DEADLINE_SECONDS = 15.0

    def test_a_commit_wakes_the_relay(self) -> None:
        sender = RecordingSender()
        with self.running(sender):
            for number in range(3):
                add(str(number), now=SystemClock().now())
                self.wait_for(sender, number + 1)
        assert [message.body for message in sender.sent] == ["0", "1", "2"]

    def test_what_was_there_before_the_relay_is_sent_when_it_starts(self) -> None:
        add()
        sender = RecordingSender()
        with self.running(sender):
            self.wait_for(sender, 1)

    def test_a_backlog_of_several_drains_is_sent_once_each(self) -> None:
        count, now = 3 * DRAIN_LIMIT + 7, SystemClock().now()
        OutboxMessage.objects.bulk_create(
            OutboxMessage(queue_name=QUEUE, body=str(n), group_id="demo", subject=str(n), created_at=now, due_at=now)
            for n in range(count)
        )
        sender = RecordingSender()
        with self.running(sender):
            wait_until(lambda: unsent() == [], timeout_seconds=self.DEADLINE_SECONDS, message="the backlog is sent")
        assert Counter(message.body for message in sender.sent) == {str(n): 1 for n in range(count)}

    def test_a_lost_database_connection_costs_a_pause_and_no_message(self) -> None:
        sender = RecordingSender()
        # Idle connections of earlier tests would be found dead one by one, with a pause after each.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        with self.running(sender):
            self.wait_until_listening()
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            add(now=SystemClock().now())
            self.wait_for(sender, 1)

    def test_a_message_that_comes_due_is_found_without_a_notification(self) -> None:
        sender = RecordingSender()
        add(now=SystemClock().now(), due_at=SystemClock().now() + timedelta(seconds=0.5))
        with self.running(sender, poll_seconds=0.1):
            self.wait_for(sender, 1)

    def test_a_fault_of_ours_is_no_database_that_is_away_and_costs_a_pause(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """To whoever looks for it: the log has the traceback, and what comes later is sent."""
        faults = [DataError("a value that no column holds")]

        def stumble() -> None:
            if faults:
                raise faults.pop()

        sender = RecordingSender(on_send=stumble)
        with self.running(sender):
            add(now=SystemClock().now())
            wait_until(lambda: not faults, timeout_seconds=self.DEADLINE_SECONDS, message="the fault")
            add("later", now=SystemClock().now())
            self.wait_for(sender, 1)
        assert [message.body for message in sender.sent] == ["later"]
        (crash,) = [record.getMessage() for record in caplog.records if "relay_" in record.getMessage()]
        assert "'exc_info': True, 'event': 'relay_crashed'" in crash

    @contextmanager
    def running(self, sender: RecordingSender, *, poll_seconds: float = POLL_SECONDS) -> Iterator[None]:
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            loop = pool.submit(
                in_thread,
                lambda: run_relay(queue=sender, clock=SystemClock(), stop=stop, poll_seconds=poll_seconds),
            )
            try:
                yield
            finally:
                stop.set()
                self.wake(until=loop.done)
                loop.result(timeout=self.DEADLINE_SECONDS)

    def wait_for(self, sender: RecordingSender, count: int) -> None:
        wait_until(lambda: len(sender.sent) >= count, timeout_seconds=self.DEADLINE_SECONDS, message="sent")

    def wait_until_listening(self) -> None:
        def is_listening() -> bool:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                )
                row = cursor.fetchone()
            return bool(row and row[0])

        wait_until(is_listening, timeout_seconds=self.DEADLINE_SECONDS, message="listening")

    def wake(self, *, until: Callable[[], bool]) -> None:
        def is_over() -> bool:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, '')", [outbox.NOTIFY_CHANNEL])
            return until()

        wait_until(is_over, timeout_seconds=self.DEADLINE_SECONDS, message="the loop ends")


def test_a_companion_that_crashes_ends_its_process_and_with_it_the_others() -> None:
    """To whoever waits for webhooks: a relay that goes on without their loop would look healthy."""
    stop, ended = threading.Event(), threading.Event()

    def crash(_stop: threading.Event) -> None:
        raise RuntimeError

    def last(stop: threading.Event) -> None:
        stop.wait()
        ended.set()

    with pytest.raises(CompanionCrashed, match="first"), running_companions(stop, {"first": crash, "last": last}):
        assert stop.wait(5)
    assert ended.is_set()
