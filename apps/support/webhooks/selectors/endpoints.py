"""Endpoints and their logs."""

from django.db.models import Count, Q, QuerySet

from apps.core.errors import CoreNotFound
from apps.core.models import Tenant

from ..models import DeliveryState, WebhookDelivery, WebhookEndpoint


def all_endpoints() -> QuerySet[WebhookEndpoint]:
    """Return every tenant's endpoints with their tenants, oldest first, and how many events are `waiting`."""
    return _counted(WebhookEndpoint.objects.across_tenants().select_related("tenant"))


def endpoints_of(tenant: Tenant) -> QuerySet[WebhookEndpoint]:
    """Return a tenant's endpoints, as `all_endpoints` does."""
    return _counted(WebhookEndpoint.objects.for_tenant(tenant))


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


def _counted(endpoints: QuerySet[WebhookEndpoint]) -> QuerySet[WebhookEndpoint]:
    waiting = Count("deliveries", filter=Q(deliveries__state=DeliveryState.PENDING, deliveries__event__isnull=False))
    return endpoints.annotate(waiting=waiting).order_by("pk")  # type: ignore[no-redef]
