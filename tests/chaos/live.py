"""`python -m tests.chaos.live SCENARIO`: live it over the engines that the environment names, and say what is wrong."""

from __future__ import annotations

import json
import sys

import django


def main() -> None:
    django.setup()
    from apps.support.video import wiring
    from tests.chaos.kill_points import every_death, points_of
    from tests.chaos.scenarios import SCENARIOS

    (scenario,) = [scenario for scenario in SCENARIOS if scenario.name == sys.argv[1]]
    points, verdict = points_of(scenario, storage=wiring.storage())
    words = str(verdict)
    if verdict.is_clean and scenario.is_deadly:
        for death in every_death(scenario, storage=wiring.storage(), points=points):
            verdict, words = death.verdict, str(death)
            if not verdict.is_clean:
                break
    print(json.dumps({"categories": verdict.categories(), "words": words}))


if __name__ == "__main__":
    main()
