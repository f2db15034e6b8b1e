"""How much is finished, and how long that takes: over every tenant, for operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection


class ThroughputWindow(StrEnum):
    """How far back to look."""

    HOUR = "hour"
    DAY = "day"


_STEPS = {
    ThroughputWindow.HOUR: (timedelta(hours=1), timedelta(minutes=5)),
    ThroughputWindow.DAY: (timedelta(days=1), timedelta(hours=1)),
}

# A step without a finished job is a row too: a chart must show a standstill as one.
_BY_STEP = """
SELECT step.starts_at, count(job.id),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM job.finished_at - job.created_at))
  FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, %(step)s::interval) AS step(starts_at)
  LEFT JOIN video_transcode_job job
    ON job.state = 'SUCCEEDED' AND job.finished_at >= step.starts_at AND job.finished_at < step.starts_at + %(step)s
   AND job.finished_at >= %(first)s
 GROUP BY step.starts_at ORDER BY step.starts_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputStep:
    """What was finished within one step of time."""

    starts_at: datetime
    finished_count: int
    median_seconds: float | None
    """From the job's making to the whole video being watchable; None when nothing was finished."""


def throughput(*, window: ThroughputWindow, now: datetime) -> list[ThroughputStep]:
    """Return what was finished in the window, step by step, the oldest first."""
    length, step = _STEPS[window]
    values: Mapping[str, Any] = {"first": now - length, "last": now - step, "step": step}
    with connection.cursor() as cursor:
        cursor.execute(_BY_STEP, values)
        rows = cursor.fetchall()
    return [
        ThroughputStep(starts_at=starts_at, finished_count=count, median_seconds=median)
        for starts_at, count, median in rows
    ]
