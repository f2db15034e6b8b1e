"""To whoever waits for the tests: they never sleep, know how long they may take, and the nearest ones run first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.circles.nearest import choose
from tests.circles.parts import Outcome, Part, folders_table, run_parts, table
from tests.support.budgets import Budgets, budgets, longest_first

TESTS = Path(__file__).parents[1]
SLEEPS = frozenset({"sleep", "wait_for_timeout"})
# Where time itself is the subject.
MAY_SLEEP = {
    "support/waiting.py": "the one place that pauses between two looks",
    "support/tcp_proxy.py": "a line that is slow on purpose",
    "browser/pictures.py": "no test: it takes the screenshots of the documents",
}
# Who may pause by the clock: loops that look again and again, and work that lasts on purpose.
MAY_PAUSE = frozenset({"support/waiting.py", "chaos/runner.py", "integration/test_media_process.py"})


def calls(path: Path) -> Iterator[str]:
    """Return the names of everything that a file calls: `sleep` for `time.sleep()` too, `pause` only for itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name):
                    yield name
                case ast.Attribute(attr=name) if name in SLEEPS:
                    yield name


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_nothing_waits_for_a_time(path: Path) -> None:
    """A test that waits for a time fails on a slower machine and wastes the time on a faster one."""
    name = str(path.relative_to(TESTS))
    called = set(calls(path))
    assert name in MAY_SLEEP or not called & SLEEPS, "wait for a condition: tests/support/waiting.py"
    assert name in MAY_PAUSE or "pause" not in called, "wait for a condition: tests/support/waiting.py"


class TestBudgets:
    RULES = Budgets(
        seconds={"browser/test_a.py": 60, "chaos/test_b.py": 100},
        default_seconds=10,
        spread=frozenset({"chaos/test_b.py"}),
        together={"browser/test_a.py": "installation", "docs/test_c.py": "installation"},
    )

    def test_every_file_that_is_named_is_there(self) -> None:
        rules = budgets()
        missing = [file for file in {*rules.seconds, *rules.spread, *rules.together} if not (TESTS / file).exists()]
        assert missing == []

    def test_a_file_that_takes_more_than_the_busy_machine_explains_is_told(self) -> None:
        measured = {"browser/test_a.py": 50.0, "chaos/test_b.py": 100.0, "unit/test_d.py": 50.0}
        assert self.RULES.overruns(measured) == ["unit/test_d.py took 50 s; its budget is 10 s"]

    def test_a_machine_that_is_slow_for_all_fails_nobody(self) -> None:
        measured = {"browser/test_a.py": 600.0, "chaos/test_b.py": 1000.0, "unit/test_d.py": 100.0}
        assert self.RULES.overruns(measured) == []

    def test_what_takes_longest_starts_first_and_what_is_shared_stays_together(self) -> None:
        nodeids = ["tests/unit/test_d.py::x", "tests/docs/test_c.py::x", "tests/browser/test_a.py::x"]
        nodeids += ["tests/chaos/test_b.py::x", "tests/chaos/test_b.py::y"]
        assert longest_first(nodeids, self.RULES) == [
            "tests/chaos/test_b.py::x",
            "tests/chaos/test_b.py::y",
            "installation",
            "unit/test_d.py",
        ]


class TestNearest:
    def test_the_nearest_come_first_and_the_quickest_of_them(self) -> None:
        choice = choose({"far": 2, "slow": 1, "quick": 1}, seconds={"far": 3, "slow": 8, "quick": 1}, budget_seconds=9)
        assert choice.files == ("quick", "slow")
        assert choice.left_out == ("far",)

    def test_a_test_that_has_changed_always_runs(self) -> None:
        choice = choose({"changed": 0, "near": 1}, seconds={"changed": 50, "near": 1}, budget_seconds=9)
        assert choice.files == ("changed",)


class TestCircle:
    def test_a_part_that_fails_is_shown_and_fails_the_circle(self, capsys: pytest.CaptureFixture[str]) -> None:
        good = Part(name="good", commands=(("echo", "Tests  12 passed (12)"),))
        bad = Part(name="bad", commands=(("sh", "-c", "echo the reason; exit 3"), ("echo", "never reached")))
        assert run_parts([good, bad]) is False
        printed = capsys.readouterr().out
        assert "the reason" in printed
        assert "never reached" not in printed
        assert run_parts([good]) is True

    def test_a_part_whose_program_is_missing_fails_the_circle(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run_parts([Part(name="web", commands=(("no-such-program",),))]) is False
        assert "no-such-program" in capsys.readouterr().out

    def test_the_table_names_each_part_with_its_seconds_and_tests(self) -> None:
        outcome = Outcome(name="web tests", seconds=9.4, has_passed=True, tests=12, output="")
        assert [line.split() for line in table([outcome], total_seconds=20.2).splitlines()] == [
            ["part", "seconds", "tests"],
            ["web", "tests", "9", "12"],
            ["all,", "by", "the", "clock", "20"],
        ]

    def test_tests_are_added_up_by_folder(self) -> None:
        lines = "2.5\t1\ttests/unit/test_a.py::x\n1.5\t1\ttests/unit/test_b.py::y\n9\t1\ttests/browser/test_c.py::z\n"
        assert [line.split() for line in folders_table(lines).splitlines()] == [
            ["tests/browser", "9", "1"],
            ["tests/unit", "4", "2"],
        ]
