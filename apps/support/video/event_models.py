"""What happened, in an order that a reader by cursor can rely on."""

from typing import ClassVar

from django.db import models

from apps.core.models import Tenant
from apps.core.tenancy import TenantScopedManager

FEED_CHANNEL = "video_feed"
"""Told `<tenant id>` after the commit of every event. Who listens must also look by itself: a notice can be lost."""


class VideoEvent(models.Model):
    """Append-only: what happened, once per transition. Serves the timeline, the feed and the audit."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    video = models.ForeignKey("Video", on_delete=models.CASCADE, related_name="events")
    job = models.ForeignKey("VideoTranscodeJob", null=True, on_delete=models.SET_NULL, related_name="+")
    attempt = models.PositiveIntegerField(null=True)
    name = models.CharField(max_length=40)
    at = models.DateTimeField()
    actor = models.CharField(max_length=120)
    """"user:12", "key:avk_xxxx", "worker:host-3", "reconciler" or "relay"."""
    data = models.JSONField(default=dict, blank=True)
    position = models.BigIntegerField(null=True, editable=False)
    """
    Place in the tenant's feed, counted from 1 in the order of commits.

    A trigger gives it as the last act of the transaction: until then it is null, and nobody else sees the row. `id` is
    drawn when the row is written, so a reader by `id` misses whatever commits late.
    """

    objects = TenantScopedManager["VideoEvent"]()

    class Meta:
        db_table = "video_event"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "position"], name="event_position_once_per_tenant")
        ]
        indexes: ClassVar = [models.Index(fields=["video", "id"], name="event_of_video")]

    def __str__(self) -> str:
        return f"{self.name} of video {self.video_id}"


class VideoFeed(models.Model):
    """How many events a tenant's feed has. Its row is the lock under which positions are given; only SQL writes it."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.PROTECT, related_name="+")
    last_position = models.BigIntegerField()

    objects = TenantScopedManager["VideoFeed"]()

    class Meta:
        db_table = "video_feed"

    def __str__(self) -> str:
        return f"feed of tenant {self.tenant_id}"
