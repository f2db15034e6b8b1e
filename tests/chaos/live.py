"""`python -m tests.chaos.live SCENARIO`: live it over the engines that the environment names, and say what is wrong."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import django

from tests.chaos.encoders import KILLED_WORKER, kill_a_worker
from tests.chaos.oracle import Verdict


def main() -> None:
    if sys.argv[1] == KILLED_WORKER:
        with tempfile.TemporaryDirectory() as folder:
            verdict = kill_a_worker(Path(folder))
        words = str(verdict)
    else:
        verdict, words = _live(sys.argv[1])
    print(json.dumps({"categories": verdict.categories(), "words": words}))


def _live(name: str) -> tuple[Verdict, str]:
    django.setup()
    from apps.support.video import wiring
    from tests.chaos.kill_points import every_death, points_of
    from tests.chaos.scenarios import SCENARIOS

    (scenario,) = [scenario for scenario in SCENARIOS if scenario.name == name]
    points, verdict = points_of(scenario, storage=wiring.storage())
    if verdict.is_clean and scenario.is_deadly:
        for death in every_death(scenario, storage=wiring.storage(), points=points):
            if not death.verdict.is_clean:
                return death.verdict, str(death)
    return verdict, str(verdict)


if __name__ == "__main__":
    main()
