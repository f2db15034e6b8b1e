"""Reads."""

from django.db.models import Count, Q, QuerySet

from apps.core.errors import CoreNotFound
from apps.core.models import Tenant

from .models import DeliveryState, WebhookDelivery, WebhookEndpoint


def endpoints_of(tenant: Tenant) -> QuerySet[WebhookEndpoint]:
    """Return a tenant's endpoints, oldest first, each with the number of events that `waiting` for it."""
    waiting = Count("deliveries", filter=Q(deliveries__state=DeliveryState.PENDING))
    return WebhookEndpoint.objects.for_tenant(tenant).annotate(waiting=waiting).order_by("pk")


def endpoint_of(tenant: Tenant, endpoint_id: int) -> WebhookEndpoint:
    """
    Return one of a tenant's endpoints.

    Raises:
        CoreNotFound: The tenant has no such endpoint.
    """
    endpoint = endpoints_of(tenant).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise CoreNotFound
    return endpoint


def deliveries_of(endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """Return an endpoint's log, the newest first."""
    return WebhookDelivery.objects.for_tenant(endpoint.tenant_id).filter(endpoint=endpoint).order_by("-pk")
