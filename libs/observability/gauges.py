"""
Gauges that are read from tables at each scrape, by one process for the whole installation.

Whoever has tables worth a gauge registers how to read them; the process that exports them reads them all.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

PREFIX = "academy_video_"

Gauges = Mapping[str, tuple[str, list[str]]]
"""By name without the prefix: the text, and the labels' names."""


class Reading:
    """The gauges of one scrape. A gauge that nothing is set of is missing from it."""

    def __init__(self, sources: Iterable["GaugeSource"]) -> None:
        self.families = {
            name: GaugeMetricFamily(f"{PREFIX}{name}", text, labels=labels)
            for source in sources
            for name, (text, labels) in source.gauges.items()
        }

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge, named without its prefix, for one set of labels."""
        self.families[name].add_metric(labels, value)

    def set_age(self, name: str, since: datetime | None, *labels: str, now: datetime) -> None:
        """Set a gauge to the seconds since a moment; 0 if there is none."""
        self.set(name, max(0.0, (now - since).total_seconds()) if since else 0.0, *labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeSource:
    """Gauges, and how to read them now."""

    gauges: Gauges
    read: Callable[[Reading, datetime], None]


_sources: dict[str, GaugeSource] = {}


def register_gauges_of(name: str, source: GaugeSource) -> None:
    """Have more gauges exported. Called while the apps are made ready."""
    _sources[name] = source


def gauge_sources() -> list[GaugeSource]:
    """Return all that are registered."""
    return list(_sources.values())
