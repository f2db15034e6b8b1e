"""What operators of the installation see of every tenant's webhooks. Of an address they see the host only."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.permissions import IsOperator
from apps.support.video.views.base import validated
from apps.support.video.wiring import shared_clock

from .models import DisabledReason
from .selectors.health import EndpointGroup, endpoints_in, webhook_health
from .serializers import AttemptOutcomeSerializer


class OpsWebhooksSerializer(serializers.Serializer[Any]):
    """How all webhooks stand. What waits is counted of those that are on."""

    active = serializers.IntegerField()
    disabled = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    waiting = serializers.IntegerField(help_text="Events that wait to be sent.")
    oldest_waiting_since = serializers.DateTimeField(allow_null=True)
    unsent_since = serializers.DateTimeField(
        allow_null=True, help_text="Since when something could be sent that nobody sends. Null: the senders keep up."
    )
    failed_attempts = serializers.IntegerField(help_text="In the last hour.")
    delivered_at = serializers.DateTimeField(
        allow_null=True, help_text="When a receiver last took something, as far back as the log goes."
    )


class OpsWebhookEndpointSerializer(serializers.Serializer[Any]):
    """How one webhook stands."""

    webhook_id = serializers.IntegerField()
    tenant_code = serializers.CharField()
    host = serializers.CharField()
    disabled_reason = serializers.ChoiceField(choices=DisabledReason.choices, allow_null=True)
    waiting = serializers.IntegerField()
    waiting_since = serializers.DateTimeField(allow_null=True)
    failed_attempts = serializers.IntegerField(help_text="In the last hour.")
    last_attempt = AttemptOutcomeSerializer(allow_null=True, help_text="Of the event that waits longest.")


class EndpointsQuerySerializer(serializers.Serializer[Any]):
    """Which of them."""

    group = serializers.ChoiceField(choices=[group.value for group in EndpointGroup])


class OpsWebhooksView(APIView):
    """Whether events get out."""

    permission_classes = (IsOperator,)

    @extend_schema(operation_id="ops_webhooks", responses=OpsWebhooksSerializer)
    def get(self, _request: Request) -> Response:
        """Count webhooks, what waits to be sent to them, and what failed in the last hour."""
        return Response(OpsWebhooksSerializer(webhook_health(now=shared_clock().now())).data)


class OpsWebhookEndpointsView(APIView):
    """The webhooks behind a number."""

    permission_classes = (IsOperator,)

    @extend_schema(
        operation_id="ops_webhook_endpoints",
        parameters=[EndpointsQuerySerializer],
        responses=OpsWebhookEndpointSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """List up to 100 webhooks, those for which an event has waited longest first."""
        group = EndpointGroup(validated(EndpointsQuerySerializer(data=request.query_params))["group"])
        found = [
            asdict(row) | {"disabled_reason": row.disabled_reason or None}
            for row in endpoints_in(group, now=shared_clock().now())
        ]
        return Response(OpsWebhookEndpointSerializer(found, many=True).data)
