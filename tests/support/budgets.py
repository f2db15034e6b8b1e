"""What `tests/budgets.toml` says of each test file: how long it may take, and which tests must run in one process."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parents[1] / "budgets.toml"
# A line for each test of the last whole run, the slowest first: seconds, CPU seconds, the test's id. CI keeps it.
DURATIONS_FILE = Path(__file__).parents[2] / "var" / "test-durations.tsv"
# Beyond what a busy machine adds to every file alike.
TOLERANCE = 3.0
# What starting engines and processes may add to any file, whatever its budget.
SLACK_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """
    The rules of `tests/budgets.toml`.

    Args:
        seconds: How long a file may take, by its path under `tests/`.
        default_seconds: How long any other file may take.
        spread: Files whose tests share nothing: each test may run in a process of its own.
        together: Files that share something expensive, by the name of what they share.
    """

    seconds: Mapping[str, float]
    default_seconds: float
    spread: frozenset[str]
    together: Mapping[str, str]

    def of(self, file: str) -> float:
        """Return a file's budget in seconds."""
        return self.seconds.get(file, self.default_seconds)

    def unit_of(self, nodeid: str) -> str:
        """Return the name of the unit that a test belongs to; one process runs the whole unit, in order."""
        file = file_of(nodeid)
        if file in self.spread:
            return nodeid
        return self.together.get(file, file)

    def cost_of(self, unit: str) -> float:
        """Return how long a unit takes at the most, in seconds; a single test of a spread file counts as its file."""
        members = [file for file, name in self.together.items() if name == unit]
        return sum(self.of(file) for file in members) if members else self.of(file_of(unit))

    def overruns(self, measured: Mapping[str, float]) -> list[str]:
        """
        Say which files took longer than they may.

        A busy machine slows all files: what counts is a file's excess over what the run as a whole took too long.

        Args:
            measured: Seconds by file, of a whole run.
        """
        allowed = sum(self.of(file) for file in measured)
        slowness = max(1.0, sum(measured.values()) / allowed) if allowed else 1.0
        return [
            f"{file} took {seconds:.0f} s; its budget is {self.of(file):.0f} s"
            for file, seconds in sorted(measured.items())
            if seconds > self.of(file) * slowness * TOLERANCE + SLACK_SECONDS
        ]


def file_of(nodeid: str) -> str:
    """Return the path under `tests/` of a test's file."""
    return nodeid.partition("::")[0].removeprefix("tests/")


@cache
def budgets() -> Budgets:
    """Read the file."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Budgets(
        seconds=read["seconds"],
        default_seconds=read["default_seconds"],
        spread=frozenset(read["spread"]),
        together={file: name for name, files in read["together"].items() for file in files},
    )


def longest_first(nodeids: Iterable[str], rules: Budgets) -> list[str]:
    """Return the units of some tests in the order in which they should start: a long one must not be the last."""
    units = list(dict.fromkeys(rules.unit_of(nodeid) for nodeid in nodeids))
    return sorted(units, key=lambda unit: -rules.cost_of(unit))
