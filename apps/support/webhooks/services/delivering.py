"""
The only sender of webhooks: reserve due rows, commit, send with no transaction open, mark.

A death between send and mark sends a message again, with the same id. Of each video only the oldest message that waits
is ever reserved, so a later event never overtakes one that its receiver has not taken; other videos go on.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from django.db import connection, transaction

from apps.core.errors import CoreNotFound
from apps.support.video.models import VideoEvent
from libs.clock import Clock
from libs.db.guards import assert_no_transaction
from libs.observability import metrics
from libs.outbound.client import Answer, SendFailed

from ..domain.messages import message_body
from ..domain.schedule import LONGEST_PAUSE, next_attempt_at
from ..domain.signing import SecretLost, SecretRecipe, secret_of, signed_headers
from ..models import DeliveryState, DisabledReason, WebhookDelivery, WebhookEndpoint
from .endpoints import locked_endpoint, switch_off

log = structlog.get_logger(__name__)

ACTOR = "relay"
# Longer than a send with a slow resolver before it.
LEASE = timedelta(seconds=60)
# A receiver that lets us wait for its time-outs holds so many senders, not all of them.
SENDERS_PER_ENDPOINT = 2
# Nor do all the endpoints of one academy, however many of them are slow.
SENDERS_PER_TENANT = 3
ATTEMPTS_REMEMBERED = 20
GONE = 410

_RESERVE = """
    WITH opened AS (
        SELECT endpoint.id, tenant_id,
            disabled_at IS NULL AND (paused_until IS NULL OR paused_until <= %(now)s) AS takes_events,
            %(endpoint_share)s - busy.senders AS room,
            %(tenant_share)s - sum(busy.senders) OVER (PARTITION BY tenant_id) AS tenant_room
        FROM webhook_endpoint endpoint JOIN core_tenant tenant ON tenant.id = endpoint.tenant_id
        CROSS JOIN LATERAL (SELECT count(*) AS senders FROM webhook_delivery WHERE endpoint_id = endpoint.id
                            AND state = 'pending' AND leased_until > %(now)s) busy
        WHERE tenant.is_active
    ), candidate AS (
        -- Tests first: a person waits for them.
        SELECT due.id, tenant_room,
            row_number() OVER (PARTITION BY tenant_id ORDER BY is_test DESC, due_at, due.id) AS place
        FROM opened CROSS JOIN LATERAL (
            (SELECT id, due_at, TRUE AS is_test FROM webhook_delivery
             WHERE endpoint_id = opened.id AND state = 'pending' AND video_id IS NULL AND due_at <= %(now)s)
            UNION ALL
            (SELECT id, due_at, FALSE FROM (
                -- In the order of the index: what stands behind a video's first row costs little, however much it is.
                SELECT DISTINCT ON (video_id) id, due_at FROM webhook_delivery
                WHERE endpoint_id = opened.id AND state = 'pending' AND video_id IS NOT NULL AND opened.takes_events
                ORDER BY video_id, id
             ) first WHERE due_at <= %(now)s ORDER BY due_at, id LIMIT greatest(0, opened.room))
        ) due
    ), chosen AS (
        -- Who was faster has moved `due_at` on: the row is looked at again once its lock is ours.
        SELECT id FROM webhook_delivery
        WHERE id = ANY (ARRAY(SELECT id FROM candidate WHERE place <= tenant_room))
            AND state = 'pending' AND due_at <= %(now)s
        ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook_delivery SET due_at = %(until)s, leased_until = %(until)s,
        attempt_count = attempt_count + 1, first_attempt_at = coalesce(first_attempt_at, %(now)s)
    FROM chosen WHERE webhook_delivery.id = chosen.id
    RETURNING webhook_delivery.id
"""


class Poster(Protocol):
    """Sends over HTTP. Raises `SendFailed`, after which the message may have arrived."""

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingPorts:
    """What a send needs of the world: the way out, the key of the secrets, an event as JSON shows it, and the time."""

    poster: Poster
    key: str
    facts_of: Callable[[VideoEvent], Mapping[str, Any]]
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt; without an answer, `fault` says why."""

    status: int | None = None
    fault: str = ""
    answer: str = ""
    retry_after_seconds: float | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def result(self) -> str:
        """The status's class, or the fault."""
        return self.fault if self.status is None else f"{self.status // 100}xx"


def reserve_due(*, clock: Clock, limit: int) -> list[WebhookDelivery]:
    """
    Take messages that are due and that nobody else sends, with their endpoints and events; oldest first.

    One statement is one commit: nothing is open when the send begins.
    """
    now = clock.now()
    facts: dict[str, datetime | int] = {
        "now": now,
        "until": now + LEASE,
        "endpoint_share": SENDERS_PER_ENDPOINT,
        "tenant_share": SENDERS_PER_TENANT,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, facts)
        reserved = [row[0] for row in cursor]
    deliveries = WebhookDelivery.objects.across_tenants().filter(pk__in=reserved)
    return list(deliveries.select_related("endpoint", "event").order_by("pk"))


def deliver(delivery: WebhookDelivery, *, ports: SendingPorts) -> Outcome:
    """Send a reserved message once and write down what came of it. Its attempt is the fence."""
    assert_no_transaction()
    started_at, started = ports.clock.now(), time.monotonic()
    outcome = _send(delivery, ports=ports, at=started_at)
    seconds = time.monotonic() - started
    milliseconds = round(seconds * 1000)
    entry = {
        "at": started_at.isoformat(),
        "attempt": delivery.attempt_count,
        "status": outcome.status,
        "fault": outcome.fault,
        "answer": outcome.answer,
        "milliseconds": milliseconds,
    }
    is_ours = _settle(delivery, outcome, entry=entry, now=ports.clock.now())
    metrics.WEBHOOK_DELIVERIES.labels(result=outcome.result).inc()
    metrics.WEBHOOK_SECONDS.observe(seconds)
    log.info(
        "webhook_sent" if is_ours else "webhook_overtaken",
        tenant_id=delivery.tenant_id,
        webhook=delivery.endpoint_id,
        message_id=delivery.message_id,
        event_type=delivery.event_type,
        attempt=delivery.attempt_count,
        status=outcome.status,
        fault=outcome.fault,
        duration_ms=milliseconds,
    )
    return outcome


def _send(delivery: WebhookDelivery, *, ports: SendingPorts, at: datetime) -> Outcome:
    body = _body_of(delivery, facts_of=ports.facts_of)
    try:
        secrets = _secrets_of(delivery.endpoint, key=ports.key, at=at)
        signed = signed_headers(message_id=delivery.message_id, at=at, body=body, secrets=secrets)
        headers = {"Content-Type": "application/json", "User-Agent": "academy-video-webhooks/1", **signed}
        answer = ports.poster.post(delivery.endpoint.url, headers=headers, body=body)
    except SecretLost:
        return Outcome(fault=DisabledReason.SECRET_LOST)
    except SendFailed as error:
        return Outcome(fault=error.fault, answer=error.detail)
    return Outcome(status=answer.status, answer=answer.body, retry_after_seconds=answer.retry_after_seconds)


def _body_of(delivery: WebhookDelivery, *, facts_of: Callable[[VideoEvent], Mapping[str, Any]]) -> bytes:
    facts: Mapping[str, Any] = {"webhook": delivery.endpoint_id}
    at = delivery.created_at
    if delivery.event is not None:
        facts, at = facts_of(delivery.event), delivery.event.at
    return message_body(event_type=delivery.event_type, at=at, facts=facts)


def _secrets_of(endpoint: WebhookEndpoint, *, key: str, at: datetime) -> list[bytes]:
    secrets = [secret_of(endpoint.secret_recipe, key=key)]
    if endpoint.previous_until is not None and at < endpoint.previous_until:
        try:
            secrets.append(secret_of(SecretRecipe(salt=endpoint.previous_salt, check=endpoint.previous_check), key=key))
        except SecretLost:
            log.warning("webhook_previous_secret_lost", tenant_id=endpoint.tenant_id, webhook=endpoint.pk)
    return secrets


def _settle(delivery: WebhookDelivery, outcome: Outcome, *, entry: Mapping[str, Any], now: datetime) -> bool:
    """Write the outcome down, and tell whether the attempt was still ours to write about."""
    fields: dict[str, Any] = {"leased_until": None, "attempts": _remembered(delivery.attempts, entry)}
    if outcome.is_success:
        return _mark(delivery, **fields, state=DeliveryState.DELIVERED, finished_at=now)
    if delivery.event is None:
        return _mark(delivery, **fields, state=DeliveryState.FAILED, finished_at=now)
    next_at = next_attempt_at(
        first_attempt_at=delivery.first_attempt_at or now,
        attempt_count=delivery.attempt_count,
        now=now,
        retry_after_seconds=outcome.retry_after_seconds,
    )
    return _postpone(delivery, outcome, fields={**fields, "due_at": next_at or now}, gives_up=next_at is None, now=now)


@transaction.atomic
def _postpone(
    delivery: WebhookDelivery, outcome: Outcome, *, fields: Mapping[str, Any], gives_up: bool, now: datetime
) -> bool:
    try:
        endpoint = locked_endpoint(tenant=delivery.tenant_id, endpoint_id=delivery.endpoint_id)
    except CoreNotFound:
        return False
    if endpoint.url != delivery.endpoint.url:
        # It was the address of before that did not take it.
        return _mark(delivery, **{**fields, "due_at": now, "first_attempt_at": None})
    if not _mark(delivery, **fields):
        return False
    reason = _reason_to_stop(outcome, gives_up=gives_up)
    if reason is not None and endpoint.disabled_at is None:
        switch_off(endpoint, reason=reason, actor=ACTOR, now=now)
    elif outcome.status is None or outcome.retry_after_seconds:
        longest = max(LONGEST_PAUSE, timedelta(seconds=outcome.retry_after_seconds or 0))
        until = min(fields["due_at"], now + longest)
        # Another message may have been told to wait for longer.
        endpoint.paused_until = max(endpoint.paused_until or until, until)
        endpoint.save(update_fields=["paused_until"])
    return True


def _reason_to_stop(outcome: Outcome, *, gives_up: bool) -> DisabledReason | None:
    if outcome.status == GONE:
        return DisabledReason.GONE
    if outcome.fault == DisabledReason.SECRET_LOST:
        return DisabledReason.SECRET_LOST
    return DisabledReason.EXHAUSTED if gives_up else None


def _mark(delivery: WebhookDelivery, **fields: Any) -> bool:
    fenced = WebhookDelivery.objects.for_tenant(delivery.tenant_id).filter(
        pk=delivery.pk, state=DeliveryState.PENDING, attempt_count=delivery.attempt_count
    )
    return fenced.update(**fields) == 1


def _remembered(attempts: list[Any], entry: Mapping[str, Any]) -> list[Any]:
    kept = [*attempts, dict(entry)]
    # Without its second entry a full list keeps how it began and how it went on.
    return kept if len(kept) <= ATTEMPTS_REMEMBERED else [kept[0], *kept[2:]]
