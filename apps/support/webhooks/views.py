"""
`/api/v1/tenant/webhooks/...`: what an owner settles about webhooks.

No call takes an Idempotency-Key: answers are stored under it, and some of these have a secret. Whoever lost an answer
finds the endpoint in the list.
"""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.permissions import current_actor, current_tenant
from apps.core.refusals import refuses
from apps.core.tenant_views import OwnerView
from apps.support.video.views.base import validated
from apps.support.video.wiring import shared_clock

from . import wiring
from .errors import WebhookLimitReached, WebhookUrlRefused
from .selectors.endpoints import deliveries_of, endpoint_of, endpoints_of
from .serializers import (
    DELIVERIES_SHOWN,
    AddWebhookSerializer,
    ChangeWebhookSerializer,
    DeliveriesPageSerializer,
    DeliveriesQuerySerializer,
    IssuedWebhookSerializer,
    ReplaySerializer,
    WebhookDeliverySerializer,
    WebhookSerializer,
)
from .services.endpoints import (
    IssuedSecret,
    add_endpoint,
    change_endpoint,
    remove_endpoint,
    replay,
    rotate_secret,
    send_test,
)

TAGS = ["webhooks"]


class WebhooksView(OwnerView):
    """The endpoints."""

    @extend_schema(operation_id="webhooks", responses=WebhookSerializer(many=True), tags=TAGS)
    def get(self, request: Request) -> Response:
        """List where events are sent, oldest first."""
        return Response(WebhookSerializer(endpoints_of(current_tenant(request)), many=True).data)

    @extend_schema(
        operation_id="webhook_add",
        request=AddWebhookSerializer,
        responses={201: IssuedWebhookSerializer},
        extensions=refuses(WebhookUrlRefused, WebhookLimitReached),
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Send events to an address, from the next one on. The secret is in this answer and nowhere else."""
        issued = add_endpoint(
            tenant=current_tenant(request),
            actor=current_actor(request),
            key=wiring.secret_key(),
            urls=wiring.outbound(),
            clock=shared_clock(),
            **validated(AddWebhookSerializer(data=request.data)),
        )
        return _issued(request, issued, status_code=status.HTTP_201_CREATED)


class WebhookView(OwnerView):
    """One endpoint."""

    @extend_schema(operation_id="webhook", responses=WebhookSerializer, tags=TAGS)
    def get(self, request: Request, pk: int) -> Response:
        """Show one endpoint."""
        return _shown(request, pk)

    @extend_schema(
        operation_id="webhook_change",
        request=ChangeWebhookSerializer,
        responses=WebhookSerializer,
        tags=TAGS,
        extensions=refuses(WebhookUrlRefused),
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change the address or the events, or switch it on or off."""
        change_endpoint(
            tenant=current_tenant(request),
            endpoint_id=pk,
            actor=current_actor(request),
            urls=wiring.outbound(),
            clock=shared_clock(),
            **validated(ChangeWebhookSerializer(data=request.data)),
        )
        return _shown(request, pk)

    @extend_schema(operation_id="webhook_remove", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, pk: int) -> Response:
        """Remove an endpoint with its log."""
        remove_endpoint(tenant=current_tenant(request), endpoint_id=pk, actor=current_actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookRotateView(OwnerView):
    """Its secret."""

    @extend_schema(
        operation_id="webhook_rotate",
        request=None,
        responses=IssuedWebhookSerializer,
        tags=TAGS,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Make a new secret. For a day messages are signed by both; rotating again ends the older one at once."""
        issued = rotate_secret(
            tenant=current_tenant(request),
            endpoint_id=pk,
            actor=current_actor(request),
            key=wiring.secret_key(),
            clock=shared_clock(),
        )
        return _issued(request, issued)


class WebhookTestView(OwnerView):
    """Trying it out."""

    @extend_schema(operation_id="webhook_test", request=None, responses={202: WebhookDeliverySerializer}, tags=TAGS)
    def post(self, request: Request, pk: int) -> Response:
        """Have a message of type `webhook_test` sent once, from where events are sent; its outcome is in the log."""
        delivery = send_test(tenant=current_tenant(request), endpoint_id=pk, clock=shared_clock())
        return Response(WebhookDeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)


class WebhookReplayView(OwnerView):
    """Sending again."""

    @extend_schema(operation_id="webhook_replay", request=ReplaySerializer, responses=WebhookSerializer, tags=TAGS)
    def post(self, request: Request, pk: int) -> Response:
        """Send every event behind a position, with the same `webhook-id` as before; what waits now is forgotten."""
        after = validated(ReplaySerializer(data=request.data))["after"]
        replay(tenant=current_tenant(request), endpoint_id=pk, after=after, actor=current_actor(request))
        return _shown(request, pk)


class WebhookDeliveriesView(OwnerView):
    """The log."""

    @extend_schema(
        operation_id="webhook_deliveries",
        parameters=[DeliveriesQuerySerializer],
        responses=DeliveriesPageSerializer,
        tags=TAGS,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Show what was sent and what waits, the newest first. Finished messages are kept for a week, at most 1000."""
        query = validated(DeliveriesQuerySerializer(data=request.query_params))
        deliveries = deliveries_of(endpoint_of(current_tenant(request), pk))
        if "before" in query:
            deliveries = deliveries.filter(pk__lt=query["before"])
        shown = list(deliveries[: DELIVERIES_SHOWN + 1])
        page = shown[:DELIVERIES_SHOWN]
        next_before = page[-1].pk if len(shown) > len(page) else None
        return Response(DeliveriesPageSerializer({"results": page, "next_before": next_before}).data)


def _issued(request: Request, issued: IssuedSecret, *, status_code: int = status.HTTP_200_OK) -> Response:
    endpoint = endpoint_of(current_tenant(request), issued.endpoint.pk)
    return Response({**WebhookSerializer(endpoint).data, "secret": issued.secret}, status=status_code)


def _shown(request: Request, pk: int) -> Response:
    return Response(WebhookSerializer(endpoint_of(current_tenant(request), pk)).data)
