"""Sows a bug into a copy of the tree, and lets the copy live a scenario over the engines of this session."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.chaos.mutants import Edit
from tests.support.engines import SHARE_VARIABLE, TEMPLATE_DATABASE

REPOSITORY = Path(__file__).parents[2]
COPIED = ("apps", "libs", "tests", "manage.py", "pyproject.toml")
QUEUE_PACKAGES = "apps/standalone/engines/sqs/node_modules"
TIMEOUT_SECONDS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a copy's scenario ended: the oracle's categories, empty when it saw nothing, and its words."""

    categories: tuple[str, ...]
    words: str


@contextmanager
def scratch_databases(admin_url: str) -> Iterator[ScratchDatabases]:
    """Make databases of this schema in no time, and remove them at the end."""
    made = ScratchDatabases(admin_url)
    try:
        yield made
    finally:
        made.drop()


class ScratchDatabases:
    """Databases copied from the run's migrated one."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._names: list[str] = []

    def make(self) -> str:
        """Return the URL of an empty database with all tables."""
        name = f"chaos_{os.getpid()}_{len(self._names)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, TEMPLATE_DATABASE)
        self._names.append(name)
        return f"{self._admin_url.rpartition('/')[0]}/{name}"

    def drop(self) -> None:
        for name in self._names:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def mutated_copy(edits: Sequence[Edit], folder: Path) -> Iterator[Path]:
    """Copy the tree and sow a bug, or none."""
    copy = folder / "tree"
    copy.mkdir()
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, copy / name)
    (copy / QUEUE_PACKAGES).symlink_to(REPOSITORY / QUEUE_PACKAGES)
    for edit in edits:
        path = copy / edit.file
        text = path.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise AssertionError(f"{edit.file} has {text.count(edit.old)} places like this, not one:\n{edit.old}")
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


def live(copy: Path, *, scenario: str, database_url: str) -> Outcome:
    """Let a copy live a scenario until the oracle sees something wrong, or all its deaths have been died."""
    done = _run(copy, "-m", "tests.chaos.live", scenario, environment={"DATABASE_URL": database_url})
    if done.returncode != 0:
        raise AssertionError(f"the copy broke:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return Outcome(categories=tuple(answer["categories"]), words=answer["words"])


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsRun:
    """What became of a copy's tests. Whatever is no test's own failure is a copy that broke."""

    failed: int
    has_broken: bool
    summary: str


def run_tests(copy: Path, file: str, name: str) -> TestsRun:
    """Run the tests of this name, on a share of the run's engines that is theirs alone."""
    chosen = ("-q", "-p", "no:cacheprovider", file, "-k", name)
    share = {"PYTEST_XDIST_WORKER": "", SHARE_VARIABLE: f"copy-{uuid.uuid4().hex[:8]}"}
    # A settings module that is named already is loaded before the copy's conftest.py has chosen its share.
    done = _run(copy, "-m", "pytest", *chosen, environment={"DJANGO_SETTINGS_MODULE": "", **share})
    *_, summary = done.stdout.splitlines() or [""]
    failed = re.search(r"(\d+) failed", summary)
    has_broken = done.returncode != 1 or " error" in summary
    return TestsRun(
        failed=int(failed[1]) if failed else 0,
        has_broken=has_broken,
        summary=(done.stdout[-3000:] + done.stderr[-1000:]) if has_broken else summary,
    )


def _run(copy: Path, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=copy,
        env={**os.environ, "ACADEMY_LOG_LEVEL": "CRITICAL", "PYTHONPATH": str(copy), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
