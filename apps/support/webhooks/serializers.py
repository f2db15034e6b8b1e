"""What is shown of webhooks, and what they show."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.support.video.domain.lifecycle import EventName
from apps.support.video.models import VideoEvent
from apps.support.video.views.event_views import LARGEST_POSITION, FeedEventSerializer
from libs.outbound.target import LONGEST_URL

from .models import DeliveryState, DisabledReason, WebhookDelivery, WebhookEndpoint

DELIVERIES_SHOWN = 50


def event_facts(event: VideoEvent) -> Mapping[str, Any]:
    """Return an event as `events/` shows it."""
    return FeedEventSerializer(event).data


class EventTypesField(serializers.ListField):
    """Names of events."""

    child = serializers.ChoiceField(choices=[name.value for name in EventName])


class WebhookSerializer(serializers.Serializer[Any]):
    """An endpoint, without its secret."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    event_types = EventTypesField(help_text="Empty: all, also those that come with later versions.")
    created_at = serializers.DateTimeField()
    is_enabled = serializers.SerializerMethodField()
    disabled_at = serializers.DateTimeField(allow_null=True)
    disabled_reason = serializers.SerializerMethodField(
        help_text="`owner`: a person; `gone`: it answered 410; `exhausted`: it did not take an event for a day; "
        "`secret_lost`: the installation's key has changed, rotate the secret. Null while it is on."
    )
    waiting = serializers.IntegerField(
        help_text="Events that wait to be sent, at most a thousand; the rest waits in the feed."
    )
    cursor = serializers.IntegerField(help_text="Position of the feed up to which events were looked at.")
    previous_secret_until = serializers.DateTimeField(
        source="previous_until", allow_null=True, help_text="Until then the secret before the last rotation signs too."
    )

    def get_is_enabled(self, endpoint: WebhookEndpoint) -> bool:
        """Tell whether events are sent."""
        return endpoint.disabled_at is None

    @extend_schema_field(serializers.ChoiceField(choices=DisabledReason.choices, allow_null=True))
    def get_disabled_reason(self, endpoint: WebhookEndpoint) -> str | None:
        """Return why nothing is sent."""
        return endpoint.disabled_reason or None


class IssuedWebhookSerializer(WebhookSerializer):
    """An endpoint whose secret was just made: the only answer that ever has it."""

    secret = serializers.CharField(help_text="`whsec_` and base64, as every Standard Webhooks library takes it.")


class AddWebhookSerializer(serializers.Serializer[Any]):
    """Where to send what."""

    url = serializers.CharField(max_length=LONGEST_URL)
    event_types = EventTypesField(default=list, help_text="Empty for all.")


class ChangeWebhookSerializer(serializers.Serializer[Any]):
    """What to change; what is left out stays."""

    url = serializers.CharField(
        max_length=LONGEST_URL, required=False, help_text="Another one is sent what waits at once."
    )
    event_types = EventTypesField(required=False, help_text="Of events from now on.")
    is_enabled = serializers.BooleanField(
        required=False, help_text="Switched on again it goes on where it stopped, and each event has another day."
    )


class ReplaySerializer(serializers.Serializer[Any]):
    """From where to send again."""

    after = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST_POSITION,
        help_text="Position of the last event not to be sent; 0 for all. One beyond the feed's end: from now on.",
    )


class AttemptOutcomeSerializer(serializers.Serializer[Any]):
    """One attempt, without what came back: receivers quote their own addresses, which may be secret."""

    at = serializers.DateTimeField()
    attempt = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True, help_text="Null: there was no answer, `fault` says why.")
    fault = serializers.CharField(allow_blank=True)
    milliseconds = serializers.IntegerField()


class WebhookAttemptSerializer(AttemptOutcomeSerializer):
    """One attempt."""

    answer = serializers.CharField(allow_blank=True, help_text="The beginning of what came back.")


class WebhookDeliverySerializer(serializers.Serializer[Any]):
    """What became of one message."""

    id = serializers.IntegerField()
    message_id = serializers.CharField(help_text="The header `webhook-id`.")
    event_type = serializers.CharField(help_text="Name of the event, or `webhook_test`.")
    position = serializers.IntegerField(allow_null=True, help_text="Of the event in the feed.")
    video = serializers.IntegerField(source="video_id", allow_null=True)
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.SerializerMethodField()
    attempt_count = serializers.IntegerField()
    attempts = WebhookAttemptSerializer(many=True, help_text="The first one, and the latest.")

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_attempt_at(self, delivery: WebhookDelivery) -> str | None:
        """Return when it is sent at the earliest; null when it is finished."""
        if delivery.state != DeliveryState.PENDING:
            return None
        return serializers.DateTimeField().to_representation(delivery.due_at)


class DeliveriesQuerySerializer(serializers.Serializer[Any]):
    """Which part of the log."""

    before = serializers.IntegerField(
        min_value=1, max_value=LARGEST_POSITION, required=False, help_text="`next_before` of the page before."
    )


class DeliveriesPageSerializer(serializers.Serializer[Any]):
    """A piece of the log, the newest first."""

    results = WebhookDeliverySerializer(many=True)
    next_before = serializers.IntegerField(allow_null=True, help_text="Null: there is no more.")
