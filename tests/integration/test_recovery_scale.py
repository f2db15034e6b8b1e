"""To the operator of a million videos: looking for what is broken reads what could be, not all that there is."""

from __future__ import annotations

import os
import re
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from django.db import connection, reset_queries

from apps.support.video.models import InvariantRound
from apps.support.video.recovery.invariant import Invariant
from apps.support.video.recovery.reconciler import INVARIANTS, run_once
from apps.support.video.recovery.usage import CHARGES_AT_ONCE, UsageIsExact
from libs.clock import SystemClock
from tests.support.scale import BIG_TABLES, seed_installation, sequential_scans
from tests.support.videos import Pipeline

pytestmark = pytest.mark.django_db(transaction=True)

# A third of a million plans like a million, in a third of the time; set the variable to see the million.
PASSES = ("V05:ended", "V11:charges")
VIDEOS = int(os.environ.get("ACADEMY_SCALE_VIDEOS", "300000"))


@pytest.fixture
def captured() -> Iterator[None]:
    connection.force_debug_cursor = True
    yield
    connection.force_debug_cursor = False


@pytest.mark.usefixtures("captured")
def test_no_invariant_reads_a_large_table_from_end_to_end_and_a_pass_takes_seconds() -> None:
    """One test: the rows are made once."""
    seed_installation(videos=VIDEOS)
    pipeline = Pipeline(clock=SystemClock())
    world = pipeline.world
    for invariant in INVARIANTS:
        for sql in queries_of(invariant, world=world):
            assert sequential_scans(sql) == [], f"{invariant.code}: {sql}"

    connection.force_debug_cursor = False
    tracemalloc.start()
    started = time.monotonic()
    reports = {report.code: report.found for report in run_once(world)}
    rounds = 1
    while InvariantRound.objects.get(code="V11:charges").cursor:
        run_once(world, invariants=[UsageIsExact()])
        rounds += 1
    seconds = time.monotonic() - started
    _size, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reports == {invariant.code: 0 for invariant in INVARIANTS}
    assert rounds == VIDEOS // CHARGES_AT_ONCE + 1
    assert seconds < 60
    assert peak_bytes < 4_000_000


def queries_of(invariant: Invariant, *, world: object) -> list[str]:
    """Return the queries with which an invariant looks at large tables, half-way through a pass where it has one."""
    for name in PASSES:
        InvariantRound.objects.update_or_create(code=name, defaults={"cursor": str(VIDEOS // 2)})
    reset_queries()
    invariant.find(world, limit=100)  # type: ignore[arg-type]
    asked = [query["sql"] for query in connection.queries if re.match(r"\s*(SELECT|WITH)", query["sql"])]
    InvariantRound.objects.filter(code__in=PASSES).update(cursor="")
    return [sql for sql in asked if any(f'"{table}"' in sql or f" {table} " in sql for table in BIG_TABLES)]


def test_the_check_sees_a_scan_when_there_is_one() -> None:
    assert sequential_scans("SELECT count(*) FROM video WHERE title = 'x'") == ["video"]
