"""`python -m tests.circles lint|check|test|proof`: run one circle, and end with a table and an exit status."""

from __future__ import annotations

import os
import sys

from tests.circles.nearest import changed_files, choose, distances_to, last_seconds, with_suffix
from tests.circles.parts import Part, folders_table, run_parts
from tests.support.budgets import DURATIONS_FILE

PYTHON = sys.executable
WEB = ("npm", "--prefix", "academyfront", "run", "--silent")
TYPED = ("apps", "libs", "tests", "manage.py", "requirements/install.py", "requirements/audit.py")
CLIENT = ("src", "tests", "reference.py", "answers.py")
MYPY = (PYTHON, "-m", "mypy", *TYPED, *(f"clients/python/{name}" for name in CLIENT))
LAYERS = (f"{sys.prefix}/bin/lint-imports", "--cache-dir", "var/imports")
# One more than there are cores, for what some wait for. With two more, each waited longer for the others.
PROCESSES = (os.cpu_count() or 1) + 1
NEAREST_SECONDS = 12.0

STYLE = Part(
    name="style and layers",
    commands=((PYTHON, "-m", "ruff", "check", "."), (PYTHON, "-m", "ruff", "format", "--check", "."), LAYERS),
)
TYPES = Part(name="types", commands=(MYPY,))
WEB_CHECKS = Part(name="web checks", commands=((*WEB, "typecheck"), (*WEB, "lint")))
WEB_TESTS = Part(name="web tests", commands=((*WEB, "test"),))


def main() -> int:
    """Run the circle that the one argument names."""
    circles = {"lint": lint, "check": check, "test": test, "proof": proof}
    if len(sys.argv) != 2 or sys.argv[1] not in circles:
        print(f"usage: python -m tests.circles {'|'.join(circles)}", file=sys.stderr)
        return 2
    return 0 if circles[sys.argv[1]]() else 1


def lint() -> bool:
    """Check style, types and layers of everything."""
    return run_parts([STYLE, TYPES, WEB_CHECKS])


def check() -> bool:
    """Check what has changed: its style and types, the unit tests, and the tests nearest to it by imports."""
    changed = changed_files()
    python = with_suffix(changed, ".py")
    parts = [Part(name="style", commands=((PYTHON, "-m", "ruff", "check", *python),))] if python else []
    parts += [TYPES, Part(name="layers", commands=(LAYERS,))] if python else []
    if any(file.startswith("academyfront/") for file in changed):
        parts += [WEB_CHECKS, Part(name="web tests", commands=((*WEB, "test", "--", "--changed"),))]
    choice = choose(distances_to(python), seconds=last_seconds(), budget_seconds=NEAREST_SECONDS)
    if choice.left_out:
        print(f"left to make test: {len(choice.left_out)} files of tests that are slower or further away")
    files = dict.fromkeys(["tests/unit", *choice.files])
    return run_parts(parts, shown=_pytest("nearest tests", "-q", *files))


def test() -> bool:
    """Run everything that a change must pass."""
    passed = run_parts([STYLE, TYPES, WEB_CHECKS, WEB_TESTS], shown=_pytest("tests", "--full-run"))
    if DURATIONS_FILE.exists():
        print(f"\nof which, added up over all processes:\n{folders_table(DURATIONS_FILE.read_text(encoding='utf-8'))}")
    return passed


def proof() -> bool:
    """Run what takes hours: every death in every life, every seeded bug, long random schedules."""
    everything = {"CHAOS_ALL_POINTS": "1", "CHAOS_ALL_MUTANTS": "1"}
    deaths = _pytest("every death in every life", "tests/chaos/test_kill_points.py", "-rP", environment=everything)
    bugs = ("tests/chaos/test_mutants.py", "tests/chaos/test_old_behaviours.py")
    mutants = _pytest("every seeded bug and old behaviour", *bugs, environment=everything)
    random = Part(
        name="random schedules",
        commands=[(PYTHON, "-m", "tests.chaos", "--uploads", "500", "--seed", str(seed)) for seed in (1, 2, 3, 4)],
    )
    # One after the other: each fills the machine.
    outcomes = [run_parts([], shown=part) for part in (deaths, mutants, random)]
    return all(outcomes)


def _pytest(name: str, *arguments: str, environment: dict[str, str] | None = None) -> Part:
    command = (PYTHON, "-m", "pytest", "-n", str(PROCESSES), *arguments)
    return Part(name=name, commands=(command,), environment=environment or {})


if __name__ == "__main__":
    sys.exit(main())
