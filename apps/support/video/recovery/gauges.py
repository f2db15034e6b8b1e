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

from .. import wiring
from ..selectors import health
from ..selectors.diagnosis import MeasuredQueue
from .reconciler import INVARIANTS, PERIOD_SECONDS

log = structlog.get_logger(__name__)

_GAUGES: dict[str, tuple[str, list[str]]] = {
    "academy_video_tables_up": ("1 if the database answered this scrape, else 0 and the other gauges are missing.", []),
    "academy_video_videos": ("Videos on the way to READY, by step.", ["step"]),
    "academy_video_videos_oldest_age_seconds": ("Since when the one is there that has been there longest.", ["step"]),
    "academy_video_jobs": ("Active jobs by state.", ["state"]),
    "academy_video_workers": ("Workers with a live lease, or heard of in the last two minutes.", []),
    "academy_video_outbox_unsent": ("Outbox messages that are not sent, due or not.", []),
    "academy_video_outbox_failing": ("Unsent ones whose last send failed.", []),
    "academy_video_outbox_oldest_due_age_seconds": ("How long the oldest one has been due; 0 if none is.", []),
    "academy_video_queue_messages": ("Messages in a queue; missing if it did not answer.", ["queue", "state"]),
    "academy_video_dead_letters_kept": ("Dead letters that wait for a person.", []),
    "academy_video_invariant_findings": ("Findings of the last round.", ["invariant", "severity"]),
    "academy_video_invariant_last_round_timestamp_seconds": ("When it last ran to its end.", ["invariant"]),
    "academy_video_invariant_period_seconds": ("How often it is meant to run.", ["invariant"]),
}


class _Reading:
    """Gauges of one scrape."""

    def __init__(self) -> None:
        self.families = {name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in _GAUGES.items()}

    def set(self, name: str, value: float, *labels: str) -> None:
        self.families[f"academy_video_{name}"].add_metric(labels, value)


class LineGauges(Collector):
    """Reads at every scrape, in the thread of the scrape. A database that is away costs the gauges, not the scrape."""

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name what is collected, without reading anything."""
        return _Reading().families.values()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read everything once."""
        reading = _Reading()
        try:
            _read_tables(reading, now=wiring.shared_clock().now())
            _read_queues(reading, wiring.fast_queue())
            reading.set("tables_up", 1)
        except (DatabaseError, InterfaceError) as error:
            log.warning("gauges_not_read", error=str(error))
            reading = _Reading()
            reading.set("tables_up", 0)
        finally:
            # The thread ends with the scrape, and would take its connection along.
            connection.close()
        yield from reading.families.values()


def register_gauges() -> None:
    """Add the gauges to what this process exports."""
    REGISTRY.register(LineGauges())


def _read_tables(reading: _Reading, *, now: datetime) -> None:
    for step in health.funnel():
        reading.set("videos", step.count, step.step)
        reading.set("videos_oldest_age_seconds", _age(step.oldest_since, now=now), step.step)
    for state, count in health.active_jobs().items():
        reading.set("jobs", count, state)
    reading.set("workers", health.living_worker_count(now=now))
    outbox = health.outbox_health(now=now)
    reading.set("outbox_unsent", outbox.unsent)
    reading.set("outbox_failing", outbox.failing)
    reading.set("outbox_oldest_due_age_seconds", _age(outbox.oldest_due_at, now=now))
    _read_rounds(reading)


def _read_rounds(reading: _Reading) -> None:
    rounds = health.rounds_by_code()
    for invariant in INVARIANTS:
        period = max(PERIOD_SECONDS.get(invariant.code, 0.0), settings.VIDEO_RECONCILE_INTERVAL_SECONDS)
        reading.set("invariant_period_seconds", period, invariant.code)
        last = rounds.get(invariant.code)
        if last is not None and last.ran_at is not None:
            reading.set("invariant_findings", last.found, invariant.code, invariant.severity.value)
            reading.set("invariant_last_round_timestamp_seconds", last.ran_at.timestamp(), invariant.code)


def _read_queues(reading: _Reading, queue: MeasuredQueue) -> None:
    depth = health.queue_depth(queue, queue_name=settings.VIDEO_SQS_QUEUE_NAME)
    if depth is not None:
        reading.set("queue_messages", depth.visible, "jobs", "visible")
        reading.set("queue_messages", depth.in_flight, "jobs", "in_flight")
        reading.set("queue_messages", depth.delayed, "jobs", "delayed")
    letters = health.dead_letter_health(queue)
    reading.set("dead_letters_kept", letters.kept)
    if letters.waiting is not None:
        reading.set("queue_messages", letters.waiting, "dead_letters", "waiting")


def _age(since: datetime | None, *, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
