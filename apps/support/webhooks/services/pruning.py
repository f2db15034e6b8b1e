"""The delivery log stays as small as it is useful."""

from datetime import datetime, timedelta

from django.db import connection

from ..models import DeliveryState, WebhookDelivery

KEEP_FINISHED = timedelta(days=7)
MOST_FINISHED = 1000
BATCH = 5000

_OVERFLOW = """
    DELETE FROM webhook_delivery WHERE id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY endpoint_id ORDER BY id DESC) AS place
            FROM webhook_delivery WHERE finished_at IS NOT NULL
        ) finished WHERE place > %s LIMIT %s
    )
"""


def prune_deliveries(*, now: datetime, most_finished: int = MOST_FINISHED) -> int:
    """Delete what was finished a week ago, and what is more than a thousand of an endpoint; return how many went."""
    finished = WebhookDelivery.objects.across_tenants().exclude(state=DeliveryState.PENDING)
    old = finished.filter(finished_at__lt=now - KEEP_FINISHED).order_by("finished_at")[:BATCH]
    forgotten, _ = finished.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
    with connection.cursor() as cursor:
        cursor.execute(_OVERFLOW, [most_finished, BATCH])
        return forgotten + int(cursor.rowcount)
