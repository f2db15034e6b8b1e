"""Webhooks at a fixed time, to a real server on loopback, with the loop's steps under the test's control."""

from __future__ import annotations

from typing import Any

from apps.support.video.models import Video
from apps.support.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from apps.support.webhooks.serializers import event_facts
from apps.support.webhooks.services.delivering import SendingPorts, deliver, reserve_due
from apps.support.webhooks.services.endpoints import IssuedSecret, add_endpoint
from apps.support.webhooks.services.taking import take_events
from libs.clock import Clock
from libs.outbound.addresses import AddressPolicy, read_networks
from libs.outbound.client import OutboundClient
from tests.support.videos import Pipeline

KEY = "an installation's key of some length"
LOOPBACK_CLIENT = OutboundClient(
    policy=AddressPolicy(read_networks(["127.0.0.0/8"])), allow_http=True, timeout_seconds=2.0
)


def sending_ports(clock: Clock, *, key: str = KEY) -> SendingPorts:
    return SendingPorts(poster=LOOPBACK_CLIENT, key=key, facts_of=event_facts, clock=clock)


class Hooks:
    """One tenant's webhooks."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def add(self, url: str, *, event_types: list[str] | None = None) -> IssuedSecret:
        return add_endpoint(
            tenant=self.pipeline.tenant,
            url=url,
            event_types=event_types or [],
            actor="user:1",
            key=KEY,
            urls=LOOPBACK_CLIENT,
            clock=self.pipeline.clock,
        )

    def step(self, *, limit: int = 100) -> int:
        """Take what is new and send once what is due; return how many were sent."""
        while take_events(clock=self.pipeline.clock):
            pass
        reserved = reserve_due(clock=self.pipeline.clock, limit=limit)
        for delivery in reserved:
            self.deliver(delivery)
        return len(reserved)

    def run(self) -> None:
        """Step until nothing is due."""
        while self.step():
            pass

    def deliver(self, delivery: WebhookDelivery) -> None:
        deliver(delivery, ports=sending_ports(self.pipeline.clock))

    def wait(self, *, hours: float = 0, seconds: float = 0) -> None:
        self.pipeline.fixed_clock.advance(seconds=hours * 3600 + seconds)

    def rows(self, **filters: Any) -> list[WebhookDelivery]:
        rows = WebhookDelivery.objects.for_tenant(self.pipeline.tenant).filter(**filters)
        return list(rows.select_related("endpoint").order_by("pk"))

    def waiting(self, video: Video | None = None) -> list[str]:
        rows = self.rows(state=DeliveryState.PENDING, **({"video": video} if video else {}))
        return [row.event_type for row in rows]

    def endpoint(self) -> WebhookEndpoint:
        return WebhookEndpoint.objects.for_tenant(self.pipeline.tenant).get()
