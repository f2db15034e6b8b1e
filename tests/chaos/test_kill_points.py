"""To whoever uploads: on whatever line a process dies, everything comes to its right end, once, and nothing is left."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from apps.support.video import wiring
from tests.chaos.kill_points import Place, every_death, points_of
from tests.chaos.scenarios import SCENARIOS, Scenario
from tests.support.engines import JoinedEngines

pytestmark = pytest.mark.django_db(transaction=True)

DEADLY = [scenario for scenario in SCENARIOS if scenario.is_deadly]
CALM = [scenario for scenario in SCENARIOS if not scenario.is_deadly]


# A life with many places is divided among so many tests, which may run at the same time.
MOST_STEPS_OF_ONE_TEST = 5
TURNS = [(life, turn) for life in DEADLY for turn in range(4 if len(life.steps) > MOST_STEPS_OF_ONE_TEST else 1)]


class Claims:
    """
    Places where a process has died in another life, or in another test process: nobody dies there again.

    A worker that publishes does so alike in every life; all deaths of all lives take minutes: `make proof`.

    Args:
        folder: Holds a file for each place, the same folder for all processes of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, place: Place) -> bool:
        name = hashlib.sha256(repr(place).encode()).hexdigest()
        try:
            (self._folder / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


@pytest.fixture
def claim(engines: JoinedEngines, scenario: Scenario) -> Claims:
    """Who dies where: each place once in the run, or, with `CHAOS_ALL_POINTS`, once in each life."""
    of = scenario.name if os.environ.get("CHAOS_ALL_POINTS") else "deaths"
    return Claims(engines.shared_folder(of.replace(" ", "-")))


@pytest.fixture(autouse=True)
def storage_runs(s3_engine: None) -> None:
    """Every life stores its bytes."""


@pytest.mark.parametrize("scenario", CALM, ids=lambda scenario: scenario.name)
def test_a_life_comes_to_its_right_end(scenario: Scenario) -> None:
    _, verdict = points_of(scenario, storage=wiring.storage())
    assert verdict.is_clean, str(verdict)


@pytest.mark.parametrize(("scenario", "turn"), TURNS, ids=[f"{life.name}, turn {turn + 1}" for life, turn in TURNS])
def test_a_death_at_any_point_changes_nothing_for_good(scenario: Scenario, turn: int, claim: Claims) -> None:
    points, verdict = points_of(scenario, storage=wiring.storage())
    assert points
    assert verdict.is_clean, str(verdict)
    deaths = list(every_death(scenario, storage=wiring.storage(), points=points, claim=claim))
    print(f"{scenario.name}: {len(points)} points, {len(deaths)} deaths")
    assert [str(death) for death in deaths if not death.verdict.is_clean] == []
