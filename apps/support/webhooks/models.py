"""Where a tenant's events are sent, and what became of each."""

from typing import ClassVar
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.core.models import Tenant
from apps.core.tenancy import TenantScopedManager
from apps.support.video.models import Video, VideoEvent

from .domain.signing import SecretRecipe


class DisabledReason(models.TextChoices):
    """Why nothing is sent to an endpoint."""

    OWNER = "owner", "switched off by a person"
    GONE = "gone", "it answered 410"
    EXHAUSTED = "exhausted", "it did not take an event for a day"
    SECRET_LOST = "secret_lost", "the installation's key has changed; a rotation makes a new secret"


class DeliveryState(models.TextChoices):
    PENDING = "pending", "pending"
    DELIVERED = "delivered", "delivered"
    FAILED = "failed", "failed"  # a test's: events are never given up, their endpoint is switched off instead


class WebhookEndpoint(models.Model):
    """
    An address, and how far it has come in the tenant's feed.

    Whatever lies behind `cursor` has not been looked at; whatever it has passed and wants to be sent has a
    `WebhookDelivery`.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    url = models.CharField(max_length=2000)
    event_types = ArrayField(models.CharField(max_length=40), default=list)
    """Names of events; empty for all."""
    cursor = models.BigIntegerField()
    created_at = models.DateTimeField()
    secret_salt = models.CharField(max_length=64)
    secret_check = models.CharField(max_length=16)
    previous_salt = models.CharField(max_length=64, blank=True)
    previous_check = models.CharField(max_length=16, blank=True)
    previous_until = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=20, choices=DisabledReason.choices, blank=True)
    paused_until = models.DateTimeField(null=True)
    """No event is sent before: it did not answer at all, or asked for time."""

    waiting: int
    """How many events wait to be sent; no column, counted by `selectors`."""

    objects = TenantScopedManager["WebhookEndpoint"]()

    class Meta:
        db_table = "webhook_endpoint"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(disabled_at=None, disabled_reason="")
                | Q(disabled_at__isnull=False, disabled_reason__in=DisabledReason.values),
                name="webhook_disabled_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"webhook {self.pk}"

    @property
    def host(self) -> str:
        """What may be shown and logged of the address: what follows it is a secret of some receivers."""
        return urlsplit(self.url).hostname or ""

    @property
    def secret_recipe(self) -> SecretRecipe:
        """Of the secret that signs."""
        return SecretRecipe(salt=self.secret_salt, check=self.secret_check)


class WebhookDelivery(models.Model):
    """
    One message to one endpoint, at least once. Rows of a video are sent in the order of their ids, one at a time.

    What is finished is the endpoint's log, until it is pruned.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    # Null in a test.
    event = models.ForeignKey(VideoEvent, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    video = models.ForeignKey(Video, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    position = models.BigIntegerField(null=True)
    event_type = models.CharField(max_length=40)
    message_id = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    """Not to be sent before. Reserving a row moves this on, so a sender that dies frees it by doing nothing."""
    leased_until = models.DateTimeField(null=True)
    """While somebody sends it: until when it is theirs. Counts against the endpoint's share of the senders."""
    attempt_count = models.PositiveIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempts = models.JSONField(default=list)
    """What came of each, `{at, attempt, status, fault, answer, milliseconds}`: the first one, and the latest."""

    objects = TenantScopedManager["WebhookDelivery"]()

    class Meta:
        db_table = "webhook_delivery"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state=DeliveryState.PENDING, finished_at=None)
                | Q(state__in=[DeliveryState.DELIVERED, DeliveryState.FAILED], finished_at__isnull=False),
                name="webhook_finished_at_its_end",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["endpoint", "video", "id"], condition=Q(state=DeliveryState.PENDING), name="webhook_pending"
            ),
            models.Index(fields=["endpoint"], condition=Q(leased_until__isnull=False), name="webhook_leased"),
            models.Index(fields=["endpoint", "-id"], name="webhook_log"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="webhook_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} to webhook {self.endpoint_id} ({self.state})"
