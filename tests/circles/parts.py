"""Runs the parts of a circle side by side, shows what fails, and ends with a table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).parents[2]
# The closing lines of vitest and of pytest.
_COUNTS = (re.compile(r"Tests\s+.*?(\d+) passed"), re.compile(r"^=*\s*(?:\d+ failed, )?(\d+) passed", re.MULTILINE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    Commands that run one after the other.

    Args:
        name: Its row in the table.
        commands: Each must end with status 0.
        environment: More variables for them.
    """

    name: str
    commands: Sequence[Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a part ended. `tests` is None where nothing is counted."""

    name: str
    seconds: float
    has_passed: bool
    tests: int | None
    output: str


def run_parts(parts: Sequence[Part], *, shown: Part | None = None) -> bool:
    """
    Run the parts one after the other, beside them the one whose output is shown, and print a table of all.

    Returns:
        Whether all have passed.
    """
    started = time.monotonic()
    outcomes: list[Outcome] = []
    beside = threading.Thread(target=lambda: outcomes.extend(_run_all(parts)))
    beside.start()
    if shown is not None:
        outcomes.append(_run(shown, echo=sys.stdout.buffer))
    beside.join()
    print(f"\n{table(outcomes, total_seconds=time.monotonic() - started)}", flush=True)
    return all(outcome.has_passed for outcome in outcomes)


def table(outcomes: Sequence[Outcome], *, total_seconds: float) -> str:
    """Return the parts with their seconds and tests, and what the tests of each folder took together."""
    rows = [("part", "seconds", "tests")]
    for outcome in outcomes:
        name = outcome.name if outcome.has_passed else f"{outcome.name}: FAILED"
        rows.append((name, f"{outcome.seconds:.0f}", "" if outcome.tests is None else str(outcome.tests)))
    rows.append(("all, by the clock", f"{total_seconds:.0f}", ""))
    return "\n".join(f"{name:<24} {seconds:>8} {tests:>7}" for name, seconds, tests in rows)


def folders_table(durations: str) -> str:
    """
    Return what the tests of each folder took, added up over all processes.

    Args:
        durations: Lines of seconds, CPU seconds and the test's id, with tabs between them.
    """
    seconds: dict[str, float] = defaultdict(float)
    tests: dict[str, int] = defaultdict(int)
    for line in durations.splitlines():
        took, _cpu, nodeid = line.split("\t", 2)
        folder = nodeid.partition("::")[0].rpartition("/")[0]
        seconds[folder] += float(took)
        tests[folder] += 1
    rows = sorted(seconds.items(), key=lambda item: -item[1])
    return "\n".join(f"{folder:<24} {took:>8.0f} {tests[folder]:>7}" for folder, took in rows)


def _run_all(parts: Sequence[Part]) -> Iterator[Outcome]:
    for part in parts:
        outcome = _run(part, echo=None)
        verdict = "passed" if outcome.has_passed else f"FAILED\n{outcome.output}"
        print(f"{part.name}, {outcome.seconds:.0f} s: {verdict}", flush=True)
        yield outcome


def _run(part: Part, *, echo: IO[bytes] | None) -> Outcome:
    started = time.monotonic()
    output = bytearray()
    has_passed = all(_run_command(command, part.environment, output, echo=echo) == 0 for command in part.commands)
    text = output.decode(errors="replace")
    counts = [int(found[-1]) for pattern in _COUNTS if (found := pattern.findall(text))]
    return Outcome(
        name=part.name,
        seconds=time.monotonic() - started,
        has_passed=has_passed,
        tests=sum(counts) if counts else None,
        output=text,
    )


def _run_command(
    command: Sequence[str], environment: Mapping[str, str], output: bytearray, *, echo: IO[bytes] | None
) -> int:
    try:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
    except OSError as error:
        # A check that cannot start has failed; in its thread nobody would hear of it.
        output += f"{error}\n".encode()
        return 127
    with process:
        assert process.stdout is not None
        # As it comes, not line by line: pytest prints a dot for each test.
        while said := process.stdout.read(65_536):
            output += said
            if echo is not None:
                echo.write(said)
                echo.flush()
    return process.returncode
