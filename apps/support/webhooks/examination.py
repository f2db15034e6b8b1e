"""The doctor's look at webhooks: do events get out, to whom not, and do their addresses lead anywhere from here?"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import DatabaseError, InterfaceError

from apps.support.video.management.doctor.outcome import Outcome, Outcomes, Patient, Verdict
from apps.support.video.wiring import shared_clock
from libs.outbound.client import SendFailed

from . import wiring
from .models import DisabledReason, WebhookEndpoint
from .selectors.health import EndpointGroup, EndpointHealth, WebhookHealth, endpoints_in, webhook_health

# Many rounds of the senders' loop.
UNSENT_FOR = timedelta(minutes=2)
# Some failed attempts are every receiver's right.
LATE_AFTER = timedelta(minutes=15)
MOST_LOOKED_UP = 10
_FIXES = {
    DisabledReason.GONE: "Its owner needs another address, or deletes it.",
    DisabledReason.EXHAUSTED: "Once its receiver answers again: `manage.py webhooks enable {id} --apply`.",
    DisabledReason.SECRET_LOST: "Set ACADEMY_SECRET_KEY to what it was, or let its owner make a new secret and put it "
    "into the receiver; then `manage.py webhooks enable {id} --apply`.",
}

patient = Patient(subject="webhooks")


def examine_webhooks() -> Outcomes:
    """Look at what the tables say of deliveries, and look up the names that events are sent to."""
    try:
        yield from _examined()
    except (DatabaseError, InterfaceError) as error:
        yield patient.down(
            "answer",
            f"the tables cannot be read: {str(error).strip()}",
            fix="See what the doctor says of the database.",
        )


def _examined() -> Outcomes:
    now = shared_clock().now()
    health = webhook_health(now=now)
    if not health.active and not any(health.disabled.values()):
        yield patient.well("endpoints", "there are no webhooks")
        return
    yield _senders(health, age=now - health.unsent_since if health.unsent_since else timedelta())
    yield from _disabled(health, endpoints_in(EndpointGroup.DISABLED, now=now))
    late = [
        row
        for row in endpoints_in(EndpointGroup.WAITING, now=now)
        if row.waiting_since is not None and now - row.waiting_since > LATE_AFTER
    ]
    yield from (_late(row, age=now - row.waiting_since) for row in late if row.waiting_since is not None)
    if not late:
        yield patient.well("late events", f"{health.waiting} events wait, none for longer than {_minutes(LATE_AFTER)}")
    yield from _addresses()


def _senders(health: WebhookHealth, *, age: timedelta) -> Outcome:
    last = "nothing was delivered yet"
    if health.delivered_at is not None:
        last = f"the last delivery was at {health.delivered_at:%Y-%m-%d %H:%M} UTC"
    if age <= UNSENT_FOR:
        return patient.well("senders", f"nothing is due that nobody sends; {last}")
    if health.is_sending:
        return patient.warning(
            "senders",
            f"an event has been due for {_minutes(age)}, and all senders are busy; {last}",
            fix="Start another relay, or switch off the webhook whose receiver is slow: `manage.py webhooks list`.",
        )
    return patient.problem(
        "senders",
        f"an event could have been sent for {_minutes(age)} and nobody sends it; {last}",
        fix="Start the relay (`manage.py run_outbox_relay`), which sends webhooks too; if it runs, look for "
        "`webhooks_crashed` and `webhooks_database_unavailable` in its log.",
    )


def _disabled(health: WebhookHealth, endpoints: list[EndpointHealth]) -> Outcomes:
    ours = [row for row in endpoints if row.disabled_reason != DisabledReason.OWNER]
    for row in ours:
        reason = DisabledReason(row.disabled_reason)
        yield Outcome(
            subject=patient.subject,
            name=f"webhook {row.webhook_id}",
            # A receiver that went away is its owner's affair; the installation's key is ours.
            verdict=Verdict.PROBLEM if reason is DisabledReason.SECRET_LOST else Verdict.WARNING,
            sentence=f"{_named(row)} is switched off: {reason.label}; {row.waiting} events wait for it",
            fix=_FIXES[reason].format(id=row.webhook_id),
        )
    by_owner = health.disabled[DisabledReason.OWNER]
    more = sum(health.disabled.values()) - by_owner - len(ours)
    if more > 0:
        yield patient.warning(
            "endpoints", f"{more} more are switched off", fix="See them all: `manage.py webhooks list`."
        )
    if not ours:
        yield patient.well("endpoints", f"{health.active} are on, {by_owner} were switched off by a person")


def _late(row: EndpointHealth, *, age: timedelta) -> Outcome:
    last = row.last_attempt
    seen = f"the last attempt came to {last['status'] or last['fault']}" if last else "not tried yet"
    return patient.warning(
        f"webhook {row.webhook_id}",
        f"{row.waiting} events wait for {_named(row)}, the oldest for {_minutes(age)}: {seen}",
        fix=f"Look at what came of each attempt: `manage.py webhooks deliveries {row.webhook_id}`.",
    )


def _addresses() -> Outcomes:
    endpoints = WebhookEndpoint.objects.across_tenants().filter(disabled_at=None, tenant__is_active=True)
    urls = list({endpoint.host: endpoint.url for endpoint in endpoints.order_by("-pk")[:100]}.values())[:MOST_LOOKED_UP]
    failed = list(_unreachable(urls))
    yield from failed
    if len(failed) == len(urls) > 1:
        yield patient.problem(
            "addresses",
            f"none of {len(urls)} receivers has an address that may be called from here",
            fix="Where relays run, names of the internet must resolve and HTTPS must get out.",
        )
    elif urls and not failed:
        yield patient.well("addresses", f"{len(urls)} receivers have an address that may be called from here")


def _unreachable(urls: list[str]) -> Iterator[Outcome]:
    client = wiring.outbound()

    def look_up(url: str) -> SendFailed | None:
        try:
            client.look_up(url)
        except SendFailed as error:
            return error
        return None

    # A resolver that does not answer lets each of them wait for many seconds: all at once wait no longer than one.
    with ThreadPoolExecutor(MOST_LOOKED_UP) as lookers:
        answers = list(lookers.map(look_up, urls))
    for url, error in zip(urls, answers, strict=True):
        if error is not None:
            host = WebhookEndpoint(url=url).host
            yield patient.warning(
                f"address of {host}",
                f"a send would fail here: {error}",
                fix="Correct the webhook's URL; a receiver in a network of yours needs "
                "ACADEMY_WEBHOOK_INTERNAL_NETWORKS, one without TLS ACADEMY_WEBHOOK_PLAIN_HTTP."
                if error.fault != "name_not_resolved"
                else "Correct the webhook's URL, or let names of the internet resolve where relays run.",
            )


def _named(row: EndpointHealth) -> str:
    return f"{row.tenant_code}'s at {row.host}"


def _minutes(age: timedelta) -> str:
    return f"{age.total_seconds() / 60:.0f} min"
