"""A tenant's feed: everything that happened to its videos, in the order of commits."""

from django.db.models import QuerySet

from ..models import VideoEvent, VideoFeed


def events_after(*, tenant_id: int, after: int, limit: int) -> QuerySet[VideoEvent]:
    """
    Return the events behind a position, in order.

    Whoever goes on from the last position that they were given sees every event, once.
    """
    events = VideoEvent.objects.for_tenant(tenant_id).filter(position__gt=after)
    return events.order_by("position")[:limit]


def last_position(*, tenant_id: int) -> int:
    """Return the position of the newest event; 0 before the first."""
    feed = VideoFeed.objects.for_tenant(tenant_id).first()
    return feed.last_position if feed else 0
