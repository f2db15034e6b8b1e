"""To whoever runs this: processes, engines, lines, messages and clocks fail at random, and no upload is harmed."""

from __future__ import annotations

from tests.chaos.__main__ import run_chaos
from tests.chaos.schedule import Fault, make_schedule


def test_the_same_seed_is_the_same_schedule() -> None:
    options = {"uploads": 500, "workers": 3, "uploads_per_fault": 2.0, "has_faketime": True}
    first, second = (make_schedule(seed=7, **options) for _ in range(2))  # type: ignore[arg-type]
    assert first == second
    assert first != make_schedule(seed=8, **options)  # type: ignore[arg-type]
    assert {event.fault for event in first.events} == set(Fault)


def test_a_short_run_loses_nothing_leaves_nothing_and_doubles_nothing() -> None:
    """`make chaos UPLOADS=200 SEED=n` runs longer ones."""
    report = run_chaos(uploads=25, seed=20, workers=2, uploads_per_fault=2.5)
    print("\n".join(report.lines()))
    assert report.verdict.is_clean, str(report.verdict)
    assert report.acknowledged == report.uploads == 25
    assert report.faults >= 5
