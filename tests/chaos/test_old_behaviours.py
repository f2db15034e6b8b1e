"""To whoever fears that an old failure is back: with its old behaviour, the test that holds it turns red."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.chaos.mutation import REPOSITORY, mutated_copy, run_tests
from tests.chaos.old_behaviours import OLD_BEHAVIOURS, OldBehaviour

PAGE = REPOSITORY / "docs/explanation/failures.md"
# Most start engines of their own, and all of them take some minutes: `make proof`.
QUICK = "a lease renewed by a thread while ffmpeg hung"
BROUGHT_BACK = [old for old in OLD_BEHAVIOURS if old.failure == QUICK or os.environ.get("CHAOS_ALL_MUTANTS")]


def page_rows() -> dict[str, list[str]]:
    """Return the tests that the page names, by failure."""
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    return {row[0].removeprefix("| "): re.findall(r"`(test_\w+)`", row[-1]) for row in rows}


def test_each_failure_of_the_page_can_be_brought_back() -> None:
    assert [old.failure for old in OLD_BEHAVIOURS] == list(page_rows())
    for old in OLD_BEHAVIOURS:
        assert old.test[1] in page_rows()[old.failure], old.failure


def test_every_edit_still_finds_its_place() -> None:
    for old in OLD_BEHAVIOURS:
        for edit in old.edits:
            assert (REPOSITORY / edit.file).read_text(encoding="utf-8").count(edit.old) == 1, old.failure


@pytest.mark.parametrize("old", BROUGHT_BACK, ids=lambda old: old.failure)
def test_its_test_turns_red(old: OldBehaviour, tmp_path: Path) -> None:
    file, name = old.test
    with mutated_copy(old.edits, tmp_path) as copy:
        done = run_tests(copy, f"tests/{file}", name)
    print(f"{old.failure}: {done.summary}")
    assert done.failed >= 1, done.summary
    assert not done.has_broken, done.summary
