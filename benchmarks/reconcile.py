"""
What it costs to look after very many healthy videos: a full pass over all invariants, over real PostgreSQL.

Prints the seconds of each invariant's pass, and the memory that a whole pass takes at its peak. Storage holds nothing
here: what V07 and V09 ask of it depends on the store, and they pace themselves.

    python -m benchmarks.reconcile [--videos 1000000]
"""

import argparse
import os
import time
import tracemalloc
from typing import Any

from tests.support.engines import Engines


def main() -> None:
    options = _options()
    engines = _start_engines()
    try:
        from tests.support.scale import seed_installation

        print(f"{options.videos:,} videos seeded in {seed_installation(videos=options.videos):.0f} s")
        _measure()
    finally:
        engines.stop()


def _measure() -> None:
    from apps.support.video.recovery.reconciler import INVARIANTS
    from libs.clock import SystemClock
    from tests.support.videos import Pipeline

    world = Pipeline(clock=SystemClock()).world
    tracemalloc.start()
    total_seconds = 0.0
    for invariant in INVARIANTS:
        started = time.perf_counter()
        found, rounds = _pass(invariant, world=world)
        seconds = time.perf_counter() - started
        total_seconds += seconds
        print(f"{invariant.code}: {seconds:6.2f} s in {rounds} rounds, {found} findings")
    _now, peak_bytes = tracemalloc.get_traced_memory()
    print(f"a full pass: {total_seconds:.1f} s, {peak_bytes / 1024**2:.1f} MiB at its peak")


def _pass(invariant: Any, *, world: Any) -> tuple[int, int]:
    """Run one invariant until it has looked at everything once; return findings and rounds."""
    from apps.support.video.models import InvariantRound
    from apps.support.video.recovery.reconciler import run_once

    found = rounds = 0
    # Each cursor begins again when it has come to its end: where two are, they are hardly ever there together.
    behind: set[str] | None = None
    while behind is None or behind:
        found += sum(report.found for report in run_once(world, invariants=[invariant]))
        rounds += 1
        cursors = dict(InvariantRound.objects.filter(code__startswith=invariant.code).values_list("code", "cursor"))
        behind = {code for code, cursor in cursors.items() if cursor} & (cursors.keys() if behind is None else behind)
    return found, rounds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--videos", type=int, default=1_000_000)
    return parser.parse_args()


def _start_engines() -> Engines:
    engines = Engines()
    os.environ.update(engines.environment(), ACADEMY_LOG_LEVEL="ERROR")
    os.environ["DJANGO_SETTINGS_MODULE"] = "apps.api.config.settings.test"
    assert engines.postgres
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return engines


if __name__ == "__main__":
    main()
