"""To operators: doctor, gauges and the operators' calls say whether webhooks get out, and to whom not."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.core.models import User
from apps.support.video.management.doctor.outcome import Outcome, Verdict
from apps.support.webhooks import wiring
from apps.support.webhooks.examination import examine_webhooks
from apps.support.webhooks.gauges import WEBHOOK_GAUGES
from apps.support.webhooks.models import DisabledReason, WebhookDelivery, WebhookEndpoint
from apps.support.webhooks.services.delivering import reserve_due
from apps.support.webhooks.services.taking import take_events
from libs.clock import SystemClock
from libs.observability.gauges import Reading
from libs.outbound.addresses import read_networks
from tests.support.api import VIDEOS
from tests.support.receiver import Receiver, always
from tests.support.videos import Pipeline
from tests.support.webhooks import Hooks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture
def hooks(pipeline: Pipeline) -> Hooks:
    return Hooks(pipeline)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Settings) -> Iterator[None]:
    settings.ACADEMY_WEBHOOK_INTERNAL_NETWORKS = read_networks(["127.0.0.0/8"])
    settings.ACADEMY_WEBHOOK_PLAIN_HTTP = True
    wiring.outbound.cache_clear()
    yield
    wiring.outbound.cache_clear()


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Ask an operators' call about webhooks."""
    client = Client()
    client.force_login(User.objects.create_user(username="operator", password="x", is_staff=True))

    def get(path: str = "", **query: str) -> Any:
        answer = client.get(f"{VIDEOS}ops/webhooks/{path}", query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return get


def later(hooks: Hooks, **ago: float) -> None:
    """Let everything that waits have waited for so long."""
    before = timezone.now() - timedelta(**ago)
    WebhookDelivery.objects.for_tenant(hooks.pipeline.tenant).update(created_at=before, due_at=before)


def examined() -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in examine_webhooks()}


def gauges() -> dict[tuple[str, ...], float]:
    reading = Reading([WEBHOOK_GAUGES])
    WEBHOOK_GAUGES.read(reading, timezone.now())
    return {
        (name, *sample.labels.values()): sample.value
        for name, family in reading.families.items()
        for sample in family.samples
    }


def test_without_webhooks_there_is_nothing_to_say() -> None:
    assert {name: outcome.verdict for name, outcome in examined().items()} == {"endpoints": Verdict.OK}


def test_webhooks_that_are_taken_are_well(hooks: Hooks, receiver: Receiver, ask: Callable[..., Any]) -> None:
    hooks.add(receiver.url)
    hooks.pipeline.pending()
    hooks.run()
    assert {outcome.verdict for outcome in examined().values()} == {Verdict.OK}
    assert "the last delivery was at 20" in examined()["senders"].sentence
    seen = ask()
    assert (seen["active"], seen["waiting"], seen["failed_attempts"]) == (1, 0, 0)
    assert seen["delivered_at"] is not None
    assert (seen["oldest_waiting_since"], seen["unsent_since"]) == (None, None)


class TestSenders:
    def test_a_receiver_that_had_time_was_not_to_be_sent_to_before(self, hooks: Hooks) -> None:
        """To the operator: no alarm of hours each time that a dead receiver's pause ends."""
        webhook = hooks.add("http://127.0.0.1:1/").endpoint
        hooks.pipeline.pending()
        take_events(clock=hooks.pipeline.clock)
        later(hooks, minutes=9)
        WebhookEndpoint.objects.for_tenant(webhook.tenant_id).update(paused_until=timezone.now() - timedelta(seconds=1))
        assert examined()["senders"].verdict == Verdict.OK

    @pytest.mark.parametrize("is_taken", [True, False], ids=["taken", "in the feed"])
    def test_what_is_due_and_nobody_sends_is_a_problem(
        self, hooks: Hooks, ask: Callable[..., Any], is_taken: bool
    ) -> None:
        hooks.add("http://127.0.0.1:1/")
        video = hooks.pipeline.pending()
        if is_taken:
            take_events(clock=hooks.pipeline.clock)
            later(hooks, minutes=9)
        else:
            video.events.for_tenant(video.tenant_id).update(at=timezone.now() - timedelta(minutes=9))
        outcome = examined()["senders"]
        assert outcome.verdict == Verdict.PROBLEM
        assert "for 9 min and nobody sends it; nothing was delivered yet" in outcome.sentence
        assert "run_outbox_relay" in outcome.fix
        assert 540 <= gauges()["webhook_oldest_unsent_age_seconds",] < 600
        assert ask()["unsent_since"] is not None
        with pytest.raises(SystemExit) as ended:
            call_command("doctor", "--only", "webhooks")
        assert ended.value.code == 1

    def test_senders_that_are_all_busy_are_a_warning(self, hooks: Hooks) -> None:
        for _ in range(2):
            hooks.add("http://127.0.0.1:1/")
        hooks.pipeline.pending()
        take_events(clock=hooks.pipeline.clock)
        later(hooks, minutes=9)
        assert len(reserve_due(clock=hooks.pipeline.clock, limit=1)) == 1
        assert examined()["senders"].verdict == Verdict.WARNING

    def test_a_receiver_that_is_given_time_is_no_sender_s_fault(self, hooks: Hooks) -> None:
        hooks.add("http://127.0.0.1:1/")
        hooks.pipeline.pending()
        hooks.step()
        later(hooks, minutes=9)
        assert hooks.endpoint().paused_until is not None
        assert examined()["senders"].verdict == Verdict.OK


class TestReceivers:
    def test_one_that_takes_nothing_is_named_with_its_last_answer(
        self, hooks: Hooks, receiver: Receiver, ask: Callable[..., Any]
    ) -> None:
        webhook = hooks.add(receiver.url).endpoint.pk
        receiver.answer = always(503)
        hooks.pipeline.pending()
        hooks.step()
        assert "late events" in examined()
        later(hooks, minutes=20)
        outcome = examined()[f"webhook {webhook}"]
        assert outcome.verdict == Verdict.WARNING
        assert (
            outcome.sentence
            == "1 events wait for demo's at 127.0.0.1, the oldest for 20 min: the last attempt came to 503"
        )
        measured = gauges()
        assert measured["webhook_waiting",] == 1
        assert 1200 <= measured["webhook_oldest_waiting_age_seconds",] < 1260
        seen, (row,) = ask(), ask("endpoints/", group="waiting")
        assert (seen["waiting"], seen["failed_attempts"]) == (row["waiting"], row["failed_attempts"]) == (1, 1)
        assert seen["oldest_waiting_since"] == row["waiting_since"]
        assert (row["host"], row["last_attempt"]["status"]) == ("127.0.0.1", 503)
        assert ask("endpoints/", group="failing") == [row]

    @pytest.mark.parametrize(
        ("reason", "verdict", "fix"),
        [
            (DisabledReason.GONE, Verdict.WARNING, "another address"),
            (DisabledReason.EXHAUSTED, Verdict.WARNING, "webhooks enable {id} --apply"),
            (DisabledReason.SECRET_LOST, Verdict.PROBLEM, "ACADEMY_SECRET_KEY"),
        ],
    )
    def test_one_that_we_switched_off_is_named_with_the_reason(
        self, hooks: Hooks, ask: Callable[..., Any], reason: DisabledReason, verdict: Verdict, fix: str
    ) -> None:
        webhook = hooks.add("http://127.0.0.1:1/").endpoint
        hooks.pipeline.pending()
        take_events(clock=hooks.pipeline.clock)
        later(hooks, minutes=60)
        WebhookEndpoint.objects.for_tenant(webhook.tenant_id).update(disabled_at=timezone.now(), disabled_reason=reason)
        outcome = examined()[f"webhook {webhook.pk}"]
        assert (outcome.verdict, fix.format(id=webhook.pk) in outcome.fix) == (verdict, True)
        assert f"switched off: {reason.label}; 1 events wait for it" in outcome.sentence
        assert examined()["senders"].verdict == Verdict.OK
        assert gauges()["webhook_endpoints", reason] == 1
        assert ask()["disabled"] == {**dict.fromkeys(DisabledReason.values, 0), reason: 1}
        assert (ask()["waiting"], gauges()["webhook_oldest_waiting_age_seconds",]) == (0, 0)
        assert [row["disabled_reason"] for row in ask("endpoints/", group="disabled")] == [reason]
        assert ask("endpoints/", group="active") == ask("endpoints/", group="waiting") == []

    def test_one_that_its_owner_switched_off_is_well(self, hooks: Hooks) -> None:
        webhook = hooks.add("http://127.0.0.1:1/").endpoint
        WebhookEndpoint.objects.for_tenant(webhook.tenant_id).update(
            disabled_at=timezone.now(), disabled_reason=DisabledReason.OWNER
        )
        assert examined()["endpoints"].sentence == "0 are on, 1 were switched off by a person"

    def test_those_of_their_owners_hide_none_of_ours(self, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("apps.support.webhooks.selectors.health.ENDPOINTS_SHOWN", 2)
        reasons = [DisabledReason.OWNER, DisabledReason.OWNER, *[DisabledReason.SECRET_LOST] * 3]
        for reason in reasons:
            webhook = hooks.add("http://127.0.0.1:1/").endpoint
            WebhookEndpoint.objects.for_tenant(webhook.tenant_id).filter(pk=webhook.pk).update(
                disabled_at=timezone.now(), disabled_reason=reason
            )
        seen = examined()
        assert [outcome.verdict for outcome in seen.values()].count(Verdict.PROBLEM) == 2
        assert seen["endpoints"].sentence == "1 more are switched off"

    def test_operators_do_not_see_what_a_receiver_answered(
        self, hooks: Hooks, receiver: Receiver, ask: Callable[..., Any]
    ) -> None:
        """A receiver that does not know an address quotes it, and what follows the host is a secret of some."""
        hooks.add(f"{receiver.url}/secret")
        receiver.answer = always(404)
        hooks.pipeline.pending()
        hooks.step()
        (row,) = ask("endpoints/", group="waiting")
        assert sorted(row["last_attempt"]) == ["at", "attempt", "fault", "milliseconds", "status"]

    def test_an_address_that_leads_nowhere_from_here_is_named_without_its_path(
        self, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown(*_: object, **__: object) -> Any:
            raise socket.gaierror("Name or service not known")

        monkeypatch.setattr("socket.getaddrinfo", unknown)
        hooks.add("http://nowhere.invalid/secret")
        (outcome,) = [one for one in examined().values() if one.verdict != Verdict.OK]
        assert (outcome.verdict, outcome.name) == (Verdict.WARNING, "address of nowhere.invalid")
        assert "name_not_resolved" in outcome.sentence
        assert "secret" not in str(outcome)
        hooks.add("http://also.invalid/")
        assert examined()["addresses"].verdict == Verdict.PROBLEM


def test_only_operators_are_told(pipeline: Pipeline) -> None:
    client = Client()
    client.force_login(User.objects.create_user(username="someone", password="x"))
    for path in ("", "endpoints/?group=active"):
        assert client.get(f"{VIDEOS}ops/webhooks/{path}").status_code == 403
