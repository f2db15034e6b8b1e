"""Every tenant's webhooks at a glance: whether events get out, and to whom they do not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Count, FilteredRelation, Max, Min, OuterRef, Q, Subquery

from ..models import DeliveryState, DisabledReason, WebhookDelivery, WebhookEndpoint

ENDPOINTS_SHOWN = 100
FAILURES_WITHIN = timedelta(hours=1)
_WAITING = Q(state=DeliveryState.PENDING, event__isnull=False)

# Attempts are kept in their rows: of those that wait, and of those that ended in this time after a failure.
_FAILURES = """
    SELECT delivery.endpoint_id, count(*)
      FROM webhook_delivery delivery
      JOIN webhook_endpoint endpoint ON endpoint.id = delivery.endpoint_id
      JOIN core_tenant tenant ON tenant.id = endpoint.tenant_id AND tenant.is_active
     CROSS JOIN LATERAL jsonb_array_elements(delivery.attempts) attempt
     WHERE ((delivery.state = 'pending' AND delivery.attempt_count > 0)
            OR (delivery.finished_at >= %(since)s AND (delivery.attempt_count > 1 OR delivery.state = 'failed')))
       AND (attempt ->> 'at')::timestamptz >= %(since)s
       AND coalesce((attempt ->> 'status')::int, 0) NOT BETWEEN 200 AND 299
     GROUP BY delivery.endpoint_id
"""

# Whatever a sender that runs would take within a second: first rows of their videos that are due, of endpoints that
# nothing is being sent to, and events that nobody has looked at although there is room for them.
_UNSENT_SINCE = """
    WITH opened AS (
        SELECT endpoint.id, endpoint.tenant_id, endpoint.cursor, endpoint.paused_until, feed.last_position,
               endpoint.paused_until IS NULL OR endpoint.paused_until <= %(now)s AS takes_events
          FROM webhook_endpoint endpoint
          JOIN core_tenant tenant ON tenant.id = endpoint.tenant_id AND tenant.is_active
          LEFT JOIN video_feed feed ON feed.tenant_id = endpoint.tenant_id
         WHERE endpoint.disabled_at IS NULL
    )
    SELECT least(
        -- Since its receiver was given time, where it was: until then nobody was to send. greatest() passes over NULL.
        (SELECT min(greatest(first.due_at, opened.paused_until))
           FROM opened CROSS JOIN LATERAL (
               SELECT DISTINCT ON (video_id) due_at FROM webhook_delivery
                WHERE endpoint_id = opened.id AND state = 'pending' AND video_id IS NOT NULL
                ORDER BY video_id, id
           ) first
          WHERE opened.takes_events AND first.due_at <= %(now)s
            AND NOT EXISTS (SELECT FROM webhook_delivery
                             WHERE endpoint_id = opened.id AND leased_until > %(now)s)),
        (SELECT min(untaken.at)
           FROM opened CROSS JOIN LATERAL (
               SELECT at FROM video_event
                WHERE tenant_id = opened.tenant_id AND position > opened.cursor ORDER BY position LIMIT 1
           ) untaken
          WHERE opened.cursor < opened.last_position
            AND NOT EXISTS (SELECT FROM webhook_delivery
                             WHERE endpoint_id = opened.id AND state = 'pending' AND event_id IS NOT NULL))
    )
"""


class EndpointGroup(StrEnum):
    """Which endpoints one of the overview's numbers counts."""

    ACTIVE = "active"
    DISABLED = "disabled"
    WAITING = "waiting"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHealth:
    """How it stands. Inactive tenants count for nothing; what waits is counted of endpoints that are on."""

    active: int
    disabled: Mapping[str, int]
    """By reason."""
    waiting: int
    oldest_waiting_since: datetime | None
    unsent_since: datetime | None
    """Since when something could be sent that nobody sends; None when the senders keep up."""
    failed_attempts: int
    """In the last hour."""
    delivered_at: datetime | None
    """When an event or a test was last taken by its receiver, as far back as the log goes."""
    is_sending: bool
    """Whether somebody holds a message right now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealth:
    """How one endpoint stands."""

    webhook_id: int
    tenant_code: str
    host: str
    disabled_reason: str
    """Empty while it is on."""
    waiting: int
    waiting_since: datetime | None
    failed_attempts: int
    last_attempt: Mapping[str, Any] | None
    """Of the message that waits longest: `{at, attempt, status, fault, answer, milliseconds}`."""


def webhook_health(*, now: datetime) -> WebhookHealth:
    """Return how all webhooks stand."""
    endpoints = WebhookEndpoint.objects.across_tenants().filter(tenant__is_active=True)
    by_reason = dict(endpoints.values_list("disabled_reason").annotate(count=Count("pk")).order_by())
    deliveries = WebhookDelivery.objects.across_tenants()
    waiting = deliveries.filter(_WAITING, endpoint__disabled_at=None, tenant__is_active=True)
    counted = waiting.aggregate(count=Count("pk"), since=Min("created_at"))
    delivered = deliveries.filter(state=DeliveryState.DELIVERED, finished_at__isnull=False)
    return WebhookHealth(
        active=by_reason.get("", 0),
        disabled={reason: by_reason.get(reason, 0) for reason in DisabledReason.values},
        waiting=counted["count"],
        oldest_waiting_since=counted["since"],
        unsent_since=_unsent_since(now=now),
        failed_attempts=sum(_failures(now=now).values()),
        delivered_at=delivered.aggregate(last=Max("finished_at"))["last"],
        is_sending=deliveries.filter(leased_until__gt=now).exists(),
    )


def endpoints_in(group: EndpointGroup, *, now: datetime) -> list[EndpointHealth]:
    """
    Return up to `ENDPOINTS_SHOWN` endpoints of a group, those for which an event has waited longest first.

    Those that their owners switched off come last: nobody has to do anything about them.
    """
    failures = _failures(now=now)
    which: Mapping[EndpointGroup, Q] = {
        EndpointGroup.ACTIVE: Q(disabled_at=None),
        EndpointGroup.DISABLED: Q(disabled_at__isnull=False),
        EndpointGroup.WAITING: Q(disabled_at=None, waiting_count__gt=0),
        EndpointGroup.FAILING: Q(pk__in=list(failures)),
    }
    oldest = WebhookDelivery.objects.across_tenants().filter(_WAITING, endpoint=OuterRef("pk")).order_by("pk")
    rows = (
        WebhookEndpoint.objects.across_tenants()
        .filter(tenant__is_active=True)
        .annotate(
            waits=FilteredRelation(
                "deliveries", condition=Q(deliveries__state=DeliveryState.PENDING, deliveries__event_id__isnull=False)
            ),
            waiting_count=Count("waits"),
            waiting_since=Min("waits__created_at"),
            oldest_attempts=Subquery(oldest.values("attempts")[:1]),
            is_owners_wish=Q(disabled_reason=DisabledReason.OWNER),
        )
        .filter(which[group])
        .select_related("tenant")
        .order_by("is_owners_wish", "waiting_since", "pk")[:ENDPOINTS_SHOWN]
    )
    return [_endpoint_health(row, failed_attempts=failures.get(row.pk, 0)) for row in rows]


def _endpoint_health(row: Any, *, failed_attempts: int) -> EndpointHealth:
    return EndpointHealth(
        webhook_id=row.pk,
        tenant_code=row.tenant.code,
        host=row.host,
        disabled_reason=row.disabled_reason,
        waiting=row.waiting_count,
        waiting_since=row.waiting_since,
        failed_attempts=failed_attempts,
        last_attempt=row.oldest_attempts[-1] if row.oldest_attempts else None,
    )


def _failures(*, now: datetime) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_FAILURES, {"since": now - FAILURES_WITHIN})
        return dict(cursor.fetchall())


def _unsent_since(*, now: datetime) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(_UNSENT_SINCE, {"now": now})
        since: datetime | None = cursor.fetchone()[0]
    return since
