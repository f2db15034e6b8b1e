"""To whoever receives webhooks: each event comes, signed, in the order of its video, and again until it is taken."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, connections
from standardwebhooks import Webhook, WebhookVerificationError

from apps.core.models import AuditEntry
from apps.support.video.selectors.events import last_position
from apps.support.webhooks.domain.schedule import GIVE_UP_AFTER, LONGEST_DELAY_SECONDS, next_attempt_at
from apps.support.webhooks.process import SENDERS, WebhookLoop
from apps.support.webhooks.services import endpoints
from apps.support.webhooks.services.delivering import (
    ATTEMPTS_REMEMBERED,
    LEASE,
    SENDERS_PER_ENDPOINT,
    SENDERS_PER_TENANT,
    deliver,
    reserve_due,
)
from apps.support.webhooks.services.pruning import KEEP_FINISHED, prune_deliveries
from apps.support.webhooks.services.taking import take_events
from libs.clock import SystemClock
from tests.support.receiver import TLS_ALERT, Received, Receiver, Reply, always
from tests.support.videos import NOON, Pipeline
from tests.support.waiting import wait_until
from tests.support.webhooks import KEY, LOOPBACK_CLIENT, Hooks, sending_ports

pytestmark = pytest.mark.django_db(transaction=True)

READY = ["upload_started", "upload_completed", "job_created", "job_claimed", "job_succeeded"]


@pytest.fixture
def pipeline() -> Pipeline:
    # Signatures carry the time, and their official verifier looks at the real clock.
    made = Pipeline()
    made.fixed_clock.instant = SystemClock().now()
    return made


@pytest.fixture
def hooks(pipeline: Pipeline) -> Hooks:
    return Hooks(pipeline)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def verify(received: Received, secret: str) -> object:
    """Verify as the specification's own library does; it raises when a signature is not good."""
    return Webhook(secret).verify(received.body.decode(), dict(received.headers))


def refuse(*videos: int, status: int = 500) -> Callable[[Received], Reply]:
    """Answer events of these videos with a failure, and take all others."""
    return lambda received: Reply(status=status if received.document["data"]["video"] in videos else 200)


class TestWhatIsSent:
    def test_a_video_becomes_ready_and_the_official_library_verifies_every_step(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        secret = hooks.add(receiver.url).secret
        video = pipeline.ready()
        hooks.run()
        assert receiver.names == READY
        assert [verify(received, secret) for received in receiver.received] == [
            received.document for received in receiver.received
        ]
        last = receiver.received[-1]
        assert (last.path, last.headers["content-type"]) == ("/hooks?key=value", "application/json")
        data = last.document["data"]
        assert (data["name"], data["video"], data["position"]) == ("job_succeeded", video.pk, 5)
        assert last.document["timestamp"] == data["at"]
        assert hooks.waiting() == []

    def test_a_changed_body_or_another_endpoints_secret_does_not_verify(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        secret, other = hooks.add(receiver.url).secret, hooks.add(receiver.url).secret
        pipeline.pending()
        hooks.run()
        first, second = receiver.received
        assert first.message_id == second.message_id
        assert verify(first, secret) == verify(second, other)
        with pytest.raises(WebhookVerificationError):
            verify(first, other)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(first.body.decode() + " ", dict(first.headers))

    def test_only_chosen_events_from_now_on_and_of_ones_own_tenant_come(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        pipeline.ready()
        hooks.add(receiver.url, event_types=["job_succeeded", "job_failed"])
        Pipeline(code="other").ready()
        pipeline.ready()
        hooks.run()
        assert receiver.names == ["job_succeeded"]
        assert hooks.endpoint().cursor == last_position(tenant_id=pipeline.tenant.pk)

    def test_a_test_says_what_came_back_once_and_also_when_the_endpoint_is_off(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        issued = hooks.add(receiver.url)
        change(pipeline, issued.endpoint.pk, is_enabled=False)
        receiver.answer = always(404, body=b"no such hook")
        for _ in range(2):
            endpoints.send_test(tenant=pipeline.tenant, endpoint_id=issued.endpoint.pk, clock=pipeline.clock)
        hooks.run()
        (received,) = receiver.received
        assert verify(received, issued.secret) == received.document
        assert received.document["type"] == "webhook_test"
        (row,) = hooks.rows()
        assert (row.state, row.attempts[0]["status"], row.attempts[0]["answer"]) == ("failed", 404, "no such hook")


class TestSecrets:
    def test_for_a_day_after_a_rotation_both_secrets_verify_and_then_the_new_one_alone(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        old = hooks.add(receiver.url)
        new = endpoints.rotate_secret(
            tenant=pipeline.tenant, endpoint_id=old.endpoint.pk, actor="user:1", key=KEY, clock=pipeline.clock
        )
        pipeline.pending()
        hooks.run()
        verify(receiver.received[0], old.secret)
        verify(receiver.received[0], new.secret)
        assert len(receiver.received[0].headers["webhook-signature"].split()) == 2

        hooks.wait(hours=24)
        pipeline.pending()
        hooks.run()
        assert len(receiver.received[1].headers["webhook-signature"].split()) == 1

    def test_a_rotation_keeps_no_secret_that_is_lost(self, pipeline: Pipeline, hooks: Hooks) -> None:
        """To the owner: nothing promises that the old one still signs when the installation's key is another one."""
        added = hooks.add("http://127.0.0.1:1/").endpoint
        endpoints.rotate_secret(
            tenant=pipeline.tenant, endpoint_id=added.pk, actor="user:1", key="another key", clock=pipeline.clock
        )
        endpoint = hooks.endpoint()
        assert (endpoint.previous_salt, endpoint.previous_check, endpoint.previous_until) == ("", "", None)
        assert endpoint.secret_salt != added.secret_salt

    def test_no_row_has_the_secret(self, hooks: Hooks, receiver: Receiver) -> None:
        """To whoever loses a backup: it signs nothing without the installation's key."""
        secret = hooks.add(receiver.url).secret
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT to_jsonb(e)::text || (SELECT jsonb_agg(a) FROM core_auditentry a) FROM webhook_endpoint e"
            )
            (text,) = cursor.fetchone()
        assert secret.removeprefix("whsec_") not in text
        assert bytes.hex(Webhook(secret)._whsecret) not in text

    def test_under_another_key_nothing_is_sent_that_nobody_could_verify(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        hooks.add(receiver.url)
        pipeline.pending()
        take_events(clock=pipeline.clock)
        (delivery,) = reserve_due(clock=pipeline.clock, limit=10)
        deliver(delivery, ports=sending_ports(pipeline.clock, key="another key"))
        assert receiver.received == []
        assert hooks.endpoint().disabled_reason == "secret_lost"
        assert hooks.waiting() == ["upload_started"]


class TestOrder:
    def test_a_later_event_never_overtakes_one_that_was_not_taken_and_other_videos_go_on(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        hooks.add(receiver.url)
        stuck, fine = pipeline.ready(), pipeline.ready()
        receiver.answer = refuse(stuck.pk)
        hooks.run()
        assert names_of(receiver, fine.pk) == READY
        assert names_of(receiver, stuck.pk) == READY[:1]
        assert hooks.waiting(stuck) == READY
        hooks.wait(seconds=6)
        hooks.run()
        assert names_of(receiver, stuck.pk) == READY[:1] * 2

        receiver.answer = always(200)
        hooks.wait(seconds=60)
        hooks.run()
        assert names_of(receiver, stuck.pk) == [*READY[:1] * 2, *READY]
        assert len({received.message_id for received in receiver.received}) == 10

    def test_a_receiver_that_does_not_answer_is_not_asked_by_every_video_at_once(
        self, pipeline: Pipeline, hooks: Hooks
    ) -> None:
        with Receiver() as gone:
            hooks.add(gone.url)
        for _ in range(6):
            pipeline.pending()
        hooks.run()
        assert sum(row.attempt_count for row in hooks.rows()) == SENDERS_PER_ENDPOINT
        assert {row.attempts[0]["fault"] for row in hooks.rows() if row.attempts} == {"connect_failed"}

    def test_what_no_text_is_leaves_its_trace_and_waits_like_any_failure(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        """To the receiver: a row that PostgreSQL refuses would be sent again at every end of its reservation."""
        hooks.add(receiver.url)
        pipeline.pending()
        receiver.answer = lambda _: Reply(raw=iter([TLS_ALERT]))
        hooks.run()
        (row,) = hooks.rows()
        assert [entry["fault"] for entry in row.attempts] == ["answer_broken"]
        assert (row.leased_until, row.attempt_count) == (None, 1)
        assert pipeline.clock.now() < row.due_at < pipeline.clock.now() + LEASE

    def test_a_receiver_that_asks_for_time_gets_it(self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver) -> None:
        hooks.add(receiver.url)
        pipeline.pending()
        receiver.answer = always(429, headers={"Retry-After": "600"})
        hooks.run()
        pipeline.pending()
        hooks.wait(seconds=599)
        hooks.run()
        assert len(receiver.received) == 1
        receiver.answer = always(200)
        hooks.wait(seconds=1)
        hooks.run()
        assert len(receiver.received) == 3

    def test_a_failure_beside_it_does_not_shorten_the_time_that_a_receiver_asked_for(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        hooks.add(receiver.url)
        for _ in range(2):
            pipeline.pending()
        take_events(clock=pipeline.clock)
        asked, broken = reserve_due(clock=pipeline.clock, limit=10)
        receiver.answer = always(503, headers={"Retry-After": "3600"})
        hooks.deliver(asked)
        receiver.answer = lambda _: Reply(raw=iter([TLS_ALERT]))
        hooks.deliver(broken)
        assert hooks.endpoint().paused_until == pipeline.clock.now() + timedelta(hours=1)

    def test_an_academy_of_slow_receivers_leaves_senders_to_the_others(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        slow = [hooks.add(receiver.url).endpoint.pk for _ in range(3)]
        for _ in range(SENDERS):
            pipeline.pending()
        other = Pipeline(code="other", clock=pipeline.clock)
        Hooks(other).add(receiver.url)
        hooks.wait(seconds=1)
        other.pending()
        take_events(clock=pipeline.clock)
        endpoints.send_test(tenant=pipeline.tenant, endpoint_id=slow[2], clock=pipeline.clock)
        reserved = reserve_due(clock=pipeline.clock, limit=SENDERS)
        tenants = [delivery.tenant_id for delivery in reserved]
        assert sorted(tenants) == sorted([*[pipeline.tenant.pk] * SENDERS_PER_TENANT, other.tenant.pk])
        # Somebody waits for a test, however much else is older.
        assert [delivery.event_type for delivery in reserved].count("webhook_test") == 1
        assert reserve_due(clock=pipeline.clock, limit=SENDERS) == []
        for delivery in reserved:
            hooks.deliver(delivery)
        assert len(reserve_due(clock=pipeline.clock, limit=SENDERS)) == SENDERS_PER_TENANT


class TestAnotherAddress:
    def test_it_gets_what_waits_at_once(self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver) -> None:
        """To the owner who has mended the address: the pauses of the old one are not theirs."""
        with Receiver() as gone:
            endpoint_id = hooks.add(gone.url).endpoint.pk
        videos = [pipeline.pending() for _ in range(3)]
        hooks.run()
        change(pipeline, endpoint_id, url=gone.url)
        assert hooks.step() == 0
        change(pipeline, endpoint_id, url=receiver.url)
        assert {row.first_attempt_at for row in hooks.rows()} == {None}
        hooks.run()
        assert {received.document["data"]["video"] for received in receiver.received} == {video.pk for video in videos}

    def test_what_the_old_one_still_answers_is_not_held_against_it(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        with Receiver() as old:
            old.answer = always(410)
            endpoint_id = hooks.add(old.url).endpoint.pk
            pipeline.pending()
            take_events(clock=pipeline.clock)
            (in_flight,) = reserve_due(clock=pipeline.clock, limit=10)
            change(pipeline, endpoint_id, url=receiver.url)
            hooks.deliver(in_flight)
        assert hooks.endpoint().disabled_at is None
        hooks.run()
        assert [received.message_id for received in receiver.received] == [in_flight.message_id]


class TestGivingUp:
    def test_after_a_day_of_failures_the_endpoint_is_off_for_a_reason_and_nothing_is_lost(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        endpoint_id = hooks.add(receiver.url).endpoint.pk
        video = pipeline.ready()
        receiver.answer = always(503, body=b"down")
        started = pipeline.clock.now()
        while hooks.endpoint().disabled_at is None:
            hooks.run()
            pipeline.fixed_clock.instant = max(hooks.rows()[0].due_at, pipeline.clock.now())
        assert hooks.endpoint().disabled_reason == "exhausted"
        assert pipeline.clock.now() - started >= GIVE_UP_AFTER
        assert len({received.message_id for received in receiver.received}) == 1
        first = hooks.rows()[0]
        assert first.attempt_count == len(receiver.received) > 15
        assert len(first.attempts) == min(first.attempt_count, ATTEMPTS_REMEMBERED)
        assert [entry["attempt"] for entry in (first.attempts[0], first.attempts[-1])] == [1, first.attempt_count]
        assert hooks.waiting(video) == READY
        audited = AuditEntry.objects.for_tenant(pipeline.tenant).get(name="webhook_disabled")
        assert (audited.actor, audited.facts["reason"]) == ("relay", "exhausted")
        assert "key=value" not in str(audited.facts)

        pipeline.pending()
        hooks.wait(hours=1)
        hooks.run()
        assert first.attempt_count == len(receiver.received)
        receiver.answer = always(200)
        change(pipeline, endpoint_id, is_enabled=True)
        hooks.run()
        assert receiver.names[first.attempt_count :] == [*READY[:1], "upload_started", *READY[1:]]

    def test_an_endpoint_that_says_it_is_gone_is_off_at_once(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        hooks.add(receiver.url)
        pipeline.pending()
        receiver.answer = always(410)
        hooks.run()
        assert (hooks.endpoint().disabled_reason, len(receiver.received)) == ("gone", 1)
        assert hooks.waiting() == ["upload_started"]

    def test_delays_grow_with_jitter_and_the_last_attempt_is_a_day_after_the_first(self) -> None:
        jitter = random.Random(1)
        times, attempt = [NOON], 0
        while True:
            attempt += 1
            following = next_attempt_at(first_attempt_at=NOON, attempt_count=attempt, now=times[-1], jitter=jitter)
            if following is None:
                break
            times.append(following)
        delays = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
        for number, delay in enumerate(delays[:-1]):
            ceiling = min(LONGEST_DELAY_SECONDS, 5 * 2**number)
            assert ceiling / 2 <= delay <= ceiling
        assert times[-1] - NOON == timedelta(hours=24)
        assert 20 <= len(times) <= 40


class TestDeathsAndCompany:
    def test_a_sender_that_dies_after_the_send_sends_again_with_the_same_id(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        hooks.add(receiver.url)
        pipeline.pending()
        take_events(clock=pipeline.clock)
        (dying,) = reserve_due(clock=pipeline.clock, limit=10)
        LOOPBACK_CLIENT.post(receiver.url, headers={"webhook-id": dying.message_id}, body=b"{}")
        hooks.run()
        assert len(receiver.received) == 1
        hooks.wait(seconds=LEASE.total_seconds())
        hooks.run()
        assert [received.message_id for received in receiver.received] == [dying.message_id] * 2
        # The first one turns out to be alive: what it has to say is of an attempt that is over.
        (row,) = hooks.rows()
        receiver.answer = always(500)
        hooks.deliver(dying)
        assert [row.state, row.attempts] == [hooks.rows()[0].state, hooks.rows()[0].attempts]

    def test_two_senders_share_what_is_due_and_send_nothing_twice(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        """Two whole loops, as two relays run them, on the real clock."""
        secret = hooks.add(receiver.url).secret
        videos = [pipeline.ready() for _ in range(4)]
        stop = Event()
        loops = [WebhookLoop(sending_ports(SystemClock())) for _ in range(2)]

        def run(loop: WebhookLoop) -> None:
            try:
                loop.run(stop)
            finally:
                connections.close_all()

        threads = [Thread(target=run, args=(loop,)) for loop in loops]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(receiver.received) >= 20 and not hooks.waiting(), timeout_seconds=20)
        late = pipeline.pending()
        wait_until(lambda: names_of(receiver, late.pk), timeout_seconds=5)
        stop.set()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
        for video in videos:
            assert names_of(receiver, video.pk) == READY
        assert len(receiver.received) == 21
        verify(receiver.received[-1], secret)

    def test_a_row_that_somebody_holds_is_left_to_them(self, pipeline: Pipeline, hooks: Hooks) -> None:
        hooks.add("http://127.0.0.1:1/")
        for _ in range(2):
            pipeline.pending()
        take_events(clock=pipeline.clock)
        (mine,) = reserve_due(clock=pipeline.clock, limit=1)
        (theirs,) = reserve_due(clock=pipeline.clock, limit=1)
        assert mine.pk != theirs.pk
        assert reserve_due(clock=pipeline.clock, limit=1) == []


class TestReplay:
    def test_a_replay_sends_everything_behind_the_cursor_again_with_the_ids_of_then(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        endpoint_id = hooks.add(receiver.url).endpoint.pk
        pipeline.ready()
        hooks.run()
        first = [received.message_id for received in receiver.received]
        endpoints.replay(tenant=pipeline.tenant, endpoint_id=endpoint_id, after=2, actor="user:1")
        hooks.run()
        assert [received.message_id for received in receiver.received] == [*first, *first[2:]]
        assert [received.body for received in receiver.received[5:]] == [
            received.body for received in receiver.received[2:5]
        ]

    def test_a_replay_from_now_forgets_what_waits_and_misses_nothing_new(
        self, pipeline: Pipeline, hooks: Hooks, receiver: Receiver
    ) -> None:
        endpoint_id = hooks.add(receiver.url).endpoint.pk
        receiver.answer = always(500)
        pipeline.ready()
        hooks.run()
        endpoints.replay(tenant=pipeline.tenant, endpoint_id=endpoint_id, after=2**62, actor="user:1")
        receiver.answer = always(200)
        late = pipeline.pending()
        hooks.run()
        assert [received.document["data"]["video"] for received in receiver.received[1:]] == [late.pk]


def test_the_log_is_forgotten_after_a_week_and_never_grows_beyond_its_bound(
    pipeline: Pipeline, hooks: Hooks, receiver: Receiver
) -> None:
    hooks.add(receiver.url)
    pipeline.ready()
    hooks.run()
    pipeline.pending()
    take_events(clock=pipeline.clock)
    assert prune_deliveries(now=pipeline.clock.now(), most_finished=3) == 2
    assert [row.event_type for row in hooks.rows()] == [*READY[2:], "upload_started"]
    assert prune_deliveries(now=pipeline.clock.now() + KEEP_FINISHED) == 0
    assert prune_deliveries(now=pipeline.clock.now() + KEEP_FINISHED + timedelta(seconds=1)) == 3
    assert hooks.waiting() == ["upload_started"]


def names_of(receiver: Receiver, video_id: int) -> list[str]:
    return [
        received.document["type"] for received in receiver.received if received.document["data"]["video"] == video_id
    ]


def change(pipeline: Pipeline, endpoint_id: int, **changes: Any) -> None:
    endpoints.change_endpoint(
        tenant=pipeline.tenant,
        endpoint_id=endpoint_id,
        actor="user:1",
        urls=LOOPBACK_CLIENT,
        clock=pipeline.clock,
        **changes,
    )
