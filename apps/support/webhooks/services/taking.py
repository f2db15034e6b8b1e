"""From the feed to the rows that will be sent."""

from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Subquery

from apps.support.video.models import VideoEvent, VideoFeed
from apps.support.video.selectors.events import events_after
from libs.clock import Clock

from ..domain.messages import message_id
from ..models import DeliveryState, WebhookDelivery, WebhookEndpoint

PAGE = 200
# What an endpoint that is down can pile up here. The rest waits where it is safe anyway: in the feed.
MOST_WAITING = 1000


def take_events(*, clock: Clock) -> int:
    """
    Look at new events for every endpoint that is on, a page each, and return how many were looked at.

    An endpoint that somebody else is looking at is theirs.
    """
    newest = VideoFeed.objects.across_tenants().filter(tenant_id=OuterRef("tenant_id")).values("last_position")
    behind = WebhookEndpoint.objects.across_tenants().filter(
        disabled_at=None, tenant__is_active=True, cursor__lt=Subquery(newest)
    )
    return sum(_take_page(endpoint_id, clock=clock) for endpoint_id in behind.values_list("pk", flat=True))


@transaction.atomic
def _take_page(endpoint_id: int, *, clock: Clock) -> int:
    endpoints = WebhookEndpoint.objects.across_tenants().select_for_update(skip_locked=True)
    endpoint = endpoints.filter(pk=endpoint_id, disabled_at=None).first()
    if endpoint is None:
        return 0
    waiting = WebhookDelivery.objects.for_tenant(endpoint.tenant_id).filter(
        endpoint=endpoint, state=DeliveryState.PENDING
    )
    room = MOST_WAITING - waiting.count()
    if room <= 0:
        return 0
    page = list(events_after(tenant_id=endpoint.tenant_id, after=endpoint.cursor, limit=min(PAGE, room)))
    if not page:
        return 0
    wanted = [event for event in page if not endpoint.event_types or event.name in endpoint.event_types]
    now = clock.now()
    WebhookDelivery.objects.bulk_create(_delivery(endpoint, event, now=now) for event in wanted)
    endpoint.cursor = page[-1].position or endpoint.cursor
    endpoint.save(update_fields=["cursor"])
    return len(page)


def _delivery(endpoint: WebhookEndpoint, event: VideoEvent, *, now: datetime) -> WebhookDelivery:
    return WebhookDelivery(
        tenant_id=endpoint.tenant_id,
        endpoint=endpoint,
        event=event,
        video_id=event.video_id,
        position=event.position,
        event_type=event.name,
        message_id=message_id(tenant_id=endpoint.tenant_id, event_id=event.pk, at=event.at),
        created_at=now,
        due_at=now,
    )
