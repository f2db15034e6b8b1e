"""Pytest's hooks that deal tests out to processes, and that say where the time has gone."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.budgets import DURATIONS_FILE, budgets, file_of, longest_first

_CPU = "cpu_seconds"


class Durations:
    """Collects how long tests took, in the process that reports."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._cpu_seconds: dict[str, float] = defaultdict(float)
        self._overruns: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if report.when == "teardown":
            self._cpu_seconds[report.nodeid] += sum(float(str(v)) for name, v in report.user_properties if name == _CPU)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """In a whole run, write the durations down and fail for a file that is beyond its budget."""
        if not session.config.option.full_run:
            return
        DURATIONS_FILE.parent.mkdir(exist_ok=True)
        rows = sorted(self._seconds.items(), key=lambda item: -item[1])
        lines = [f"{seconds:.2f}\t{self._cpu_seconds[nodeid]:.2f}\t{nodeid}\n" for nodeid, seconds in rows]
        DURATIONS_FILE.write_text("".join(lines), encoding="utf-8")
        by_file: dict[str, float] = defaultdict(float)
        for nodeid, seconds in rows:
            by_file[file_of(nodeid)] += seconds
        self._overruns = budgets().overruns(by_file)
        if self._overruns:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for overrun in self._overruns:
            terminalreporter.write_line(f"over its budget: {overrun}", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full-run", action="store_true", help="all tests run: hold each file to its budget and write the durations"
    )


def pytest_configure(config: pytest.Config) -> None:
    # A short process spends most of its time on compiling what it imports, where it may not keep that.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Durations(), "durations")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the units that take longest first, for processes that take the next one when they are free."""
    if hasattr(config, "workerinput"):
        place = {unit: number for number, unit in enumerate(longest_first((i.nodeid for i in items), budgets()))}
        items.sort(key=lambda item: place[budgets().unit_of(item.nodeid)])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note what the test and the processes that it has ended used of the CPU."""
    item.stash[_CPU_BEFORE] = _cpu_seconds()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Send the CPU seconds with the last of a test's reports."""
    if call.when == "teardown":
        item.user_properties.append((_CPU, _cpu_seconds() - item.stash[_CPU_BEFORE]))
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out units instead of tests."""
    from xdist.scheduler import LoadScopeScheduling

    class UnitScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return budgets().unit_of(nodeid)

    config.option.loadscopereorder = False
    return UnitScheduling(config, log)


_CPU_BEFORE = pytest.StashKey[float]()


def _cpu_seconds() -> float:
    return sum(os.times()[:4])
