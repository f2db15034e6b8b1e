"""To whoever trusts these tests: each bug that systems like this one have had turns them red."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.mutants import MUTANTS, Mutant, table
from tests.chaos.mutation import ScratchDatabases, live, mutated_copy, scratch_databases
from tests.support.engines import JoinedEngines

# All of them take some minutes: `make proof`.
TRIED = [mutant for mutant in MUTANTS if mutant.is_quick or os.environ.get("CHAOS_ALL_MUTANTS")]


@pytest.fixture(scope="module")
def databases(engines: JoinedEngines, s3_engine: None) -> Iterator[ScratchDatabases]:
    engines.start("postgres")
    with scratch_databases(engines.database_url) as made:
        yield made


@pytest.mark.parametrize("mutant", TRIED, ids=lambda mutant: mutant.name)
def test_the_bug_is_caught(mutant: Mutant, databases: ScratchDatabases, tmp_path: Path) -> None:
    with mutated_copy(mutant.edits, tmp_path) as copy:
        outcome = live(copy, scenario=mutant.scenario, database_url=databases.make())
    print(f"{mutant.name}: {outcome.words}")
    assert mutant.caught_as in outcome.categories, outcome.words


def test_a_copy_without_a_bug_stays_green(databases: ScratchDatabases, tmp_path: Path) -> None:
    """Else it would be the copying that is caught."""
    with mutated_copy((), tmp_path) as copy:
        outcome = live(copy, scenario="a re-encode", database_url=databases.make())
    assert outcome.categories == (), outcome.words


def test_every_edit_still_finds_its_place() -> None:
    """A bug that cannot be sown any more catches nothing: whoever rewrites the line rewrites the bug."""
    for mutant in MUTANTS:
        for edit in mutant.edits:
            text = (Path(__file__).parents[2] / edit.file).read_text(encoding="utf-8")
            assert text.count(edit.old) == 1, f"{mutant.name}: {edit.file}"


def test_the_table_of_the_evidence_is_the_list_that_is_sown() -> None:
    page = (Path(__file__).parents[2] / "docs/explanation/evidence.md").read_text(encoding="utf-8")
    between = page.partition("<!-- mutants -->\n")[2].partition("\n<!-- end -->")[0]
    assert between == table()


def test_there_are_enough_bugs() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
