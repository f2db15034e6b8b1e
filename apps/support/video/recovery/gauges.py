"""
How much is where, for Prometheus: read from tables and queue at each scrape, by the reconciler alone.

Each process that counts would export the same numbers; they are the installation's, not a process's.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from prometheus_client.core import REGISTRY, GaugeMetricFamily
from prometheus_client.registry import Collector

from libs.observability.gauges import Gauges, GaugeSource, Reading, gauge_sources

from .. import wiring
from ..selectors import health
from ..selectors.diagnosis import MeasuredQueue
from .reconciler import INVARIANTS, PERIOD_SECONDS

log = structlog.get_logger(__name__)

_GAUGES: Gauges = {
    "tables_up": ("1 if the database answered this scrape, else 0 and the other gauges are missing.", []),
    "videos": ("Videos on the way to READY, by step.", ["step"]),
    "videos_oldest_age_seconds": ("Since when the one is there that has been there longest.", ["step"]),
    "jobs": ("Active jobs by state.", ["state"]),
    "lease_age_seconds": (
        "Since when the running job that was last renewed longest ago is silent; 0 if none runs.",
        [],
    ),
    "workers": ("Workers with a live lease, or heard of in the last two minutes.", []),
    "outbox_unsent": ("Outbox messages that are not sent, due or not.", []),
    "outbox_failing": ("Unsent ones whose last send failed.", []),
    "outbox_oldest_due_age_seconds": ("How long the oldest one has been due; 0 if none is.", []),
    "queue_messages": ("Messages in a queue; missing if it did not answer.", ["queue", "state"]),
    "dead_letters_kept": ("Dead letters that wait for a person.", []),
    "invariant_findings": ("Findings of the last round.", ["invariant", "severity"]),
    "invariant_last_round_timestamp_seconds": ("When it last ran to its end.", ["invariant"]),
    "invariant_period_seconds": ("How often it is meant to run.", ["invariant"]),
}


class LineGauges(Collector):
    """Reads at every scrape, in the thread of the scrape. A database that is away costs the gauges, not the scrape."""

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name what is collected, without reading anything."""
        return Reading(_sources()).families.values()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read everything once."""
        reading = Reading(_sources())
        try:
            now = wiring.shared_clock().now()
            for source in _sources():
                source.read(reading, now)
            reading.set("tables_up", 1)
        except (DatabaseError, InterfaceError) as error:
            log.warning("gauges_not_read", error=str(error))
            reading = Reading(_sources())
            reading.set("tables_up", 0)
        finally:
            # The thread ends with the scrape, and would take its connection along.
            connection.close()
        yield from reading.families.values()


def register_gauges() -> None:
    """Add the gauges to what this process exports."""
    REGISTRY.register(LineGauges())


def _sources() -> list[GaugeSource]:
    return [GaugeSource(gauges=_GAUGES, read=_read_line), *gauge_sources()]


def _read_line(reading: Reading, now: datetime) -> None:
    for step in health.funnel():
        reading.set("videos", step.count, step.step)
        reading.set_age("videos_oldest_age_seconds", step.oldest_since, step.step, now=now)
    for state, count in health.active_jobs().items():
        reading.set("jobs", count, state)
    reading.set_age("lease_age_seconds", health.oldest_renewal(), now=now)
    reading.set("workers", health.living_worker_count(now=now))
    outbox = health.outbox_health(now=now)
    reading.set("outbox_unsent", outbox.unsent)
    reading.set("outbox_failing", outbox.failing)
    reading.set_age("outbox_oldest_due_age_seconds", outbox.oldest_due_at, now=now)
    _read_rounds(reading)
    _read_queues(reading, wiring.fast_queue())


def _read_rounds(reading: Reading) -> None:
    rounds = health.rounds_by_code()
    for invariant in INVARIANTS:
        period = max(PERIOD_SECONDS.get(invariant.code, 0.0), settings.VIDEO_RECONCILE_INTERVAL_SECONDS)
        reading.set("invariant_period_seconds", period, invariant.code)
        last = rounds.get(invariant.code)
        if last is not None and last.ran_at is not None:
            reading.set("invariant_findings", last.found, invariant.code, invariant.severity.value)
            reading.set("invariant_last_round_timestamp_seconds", last.ran_at.timestamp(), invariant.code)


def _read_queues(reading: Reading, queue: MeasuredQueue) -> None:
    depth = health.queue_depth(queue, queue_name=settings.VIDEO_SQS_QUEUE_NAME)
    if depth is not None:
        reading.set("queue_messages", depth.visible, "jobs", "visible")
        reading.set("queue_messages", depth.in_flight, "jobs", "in_flight")
        reading.set("queue_messages", depth.delayed, "jobs", "delayed")
    letters = health.dead_letter_health(queue)
    reading.set("dead_letters_kept", letters.kept)
    if letters.waiting is not None:
        reading.set("queue_messages", letters.waiting, "dead_letters", "waiting")
