"""To whoever uploads: on whatever line a process dies, everything comes to its right end, once, and nothing is left."""

from __future__ import annotations

import os

import pytest

from apps.standalone.engine_runner import EngineRunner
from apps.support.video import wiring
from tests.chaos.kill_points import Place, every_death, points_of
from tests.chaos.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.django_db(transaction=True)

DEADLY = [scenario for scenario in SCENARIOS if scenario.is_deadly]
CALM = [scenario for scenario in SCENARIOS if not scenario.is_deadly]


@pytest.fixture(scope="module")
def died() -> set[Place] | None:
    """
    Places where a process has died already in another life.

    A worker that publishes does so alike in every life; all deaths of all lives take minutes: `make chaos-points`.
    """
    return None if os.environ.get("CHAOS_ALL_POINTS") else set()


@pytest.fixture(autouse=True)
def storage_runs(s3_engine: EngineRunner) -> None:
    s3_engine.start()


@pytest.mark.parametrize("scenario", CALM, ids=lambda scenario: scenario.name)
def test_a_life_comes_to_its_right_end(scenario: Scenario) -> None:
    _, verdict = points_of(scenario, storage=wiring.storage())
    assert verdict.is_clean, str(verdict)


@pytest.mark.parametrize("scenario", DEADLY, ids=lambda scenario: scenario.name)
def test_a_death_at_any_point_changes_nothing_for_good(scenario: Scenario, died: set[Place] | None) -> None:
    points, verdict = points_of(scenario, storage=wiring.storage())
    assert points
    assert verdict.is_clean, str(verdict)
    deaths = list(every_death(scenario, storage=wiring.storage(), points=points, died=died))
    print(f"{scenario.name}: {len(points)} points, {len(deaths)} deaths")
    assert [str(death) for death in deaths if not death.verdict.is_clean] == []
