"""Webhooks for Prometheus: of the tables, not of a process."""

from datetime import datetime

from libs.observability.gauges import Gauges, GaugeSource, Reading

from .selectors.health import webhook_health

_GAUGES: Gauges = {
    "webhook_endpoints": ("Webhooks, by state: on, or why they are switched off.", ["state"]),
    "webhook_waiting": ("Events that wait to be sent to webhooks that are on.", []),
    "webhook_oldest_waiting_age_seconds": ("How long the oldest of them has waited; 0 if none does.", []),
    "webhook_oldest_unsent_age_seconds": ("Since when one could be sent that nobody sends; 0 if none.", []),
}


def _read(reading: Reading, now: datetime) -> None:
    health = webhook_health(now=now)
    for state, count in {"on": health.active, **health.disabled}.items():
        reading.set("webhook_endpoints", count, state)
    reading.set("webhook_waiting", health.waiting)
    reading.set_age("webhook_oldest_waiting_age_seconds", health.oldest_waiting_since, now=now)
    reading.set_age("webhook_oldest_unsent_age_seconds", health.unsent_since, now=now)


WEBHOOK_GAUGES = GaugeSource(gauges=_GAUGES, read=_read)
