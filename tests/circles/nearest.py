"""Which tests stand nearest to what has changed, by imports, as many as fit into a few seconds."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.budgets import DURATIONS_FILE

REPOSITORY = Path(__file__).parents[2]
# For a file that has not been timed on this machine.
UNKNOWN_SECONDS = 3.0
# A test further away than this says little about the change.
FARTHEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Test files to run now, the nearest first, and those that are left to `make test`."""

    files: tuple[str, ...]
    left_out: tuple[str, ...]


def changed_files() -> list[str]:
    """Return what differs from the last commit, or, when nothing does, what the last commit changed."""
    changed = [*_git("diff", "--name-only", "HEAD"), *_git("ls-files", "--others", "--exclude-standard")]
    return sorted(set(changed or _git("diff", "--name-only", "HEAD~1", "HEAD")))


def choose(distances: Mapping[str, int], *, seconds: Mapping[str, float], budget_seconds: float) -> Choice:
    """
    Choose test files, the nearest first and the quickest of the equally near first.

    Args:
        distances: How many imports lie between a test file and the change.
        seconds: How long each file took last.
        budget_seconds: How long all may take together. A file that has itself changed is always chosen.
    """
    chosen: list[str] = []
    spent = 0.0
    for file in sorted(distances, key=lambda name: (distances[name], seconds.get(name, UNKNOWN_SECONDS), name)):
        cost = seconds.get(file, UNKNOWN_SECONDS)
        if distances[file] == 0 or spent + cost <= budget_seconds:
            chosen.append(file)
            spent += cost
    return Choice(files=tuple(chosen), left_out=tuple(sorted(distances.keys() - set(chosen))))


def distances_to(changed: Sequence[str]) -> dict[str, int]:
    """Return how many imports lie between each test file and the changed files, up to `FARTHEST`."""
    import grimp

    graph = grimp.build_graph("apps", "libs", "tests", cache_dir=str(REPOSITORY / "var" / "imports"))
    frontier = {_module_of(file) for file in changed} & graph.modules
    distances = dict.fromkeys(frontier, 0)
    for distance in range(1, FARTHEST + 1):
        importers = {importer for module in frontier for importer in graph.find_modules_that_directly_import(module)}
        frontier = importers - distances.keys()
        distances |= dict.fromkeys(frontier, distance)
    return {_file_of(module): distance for module, distance in distances.items() if _is_test(module)}


def last_seconds() -> dict[str, float]:
    """Return how long each test file took in the last whole run on this machine."""
    if not DURATIONS_FILE.exists():
        return {}
    seconds: dict[str, float] = defaultdict(float)
    for line in DURATIONS_FILE.read_text(encoding="utf-8").splitlines():
        took, _cpu, nodeid = line.split("\t", 2)
        seconds[nodeid.partition("::")[0]] += float(took)
    return seconds


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], check=True, cwd=REPOSITORY, capture_output=True, text=True)
    return done.stdout.splitlines()


def _module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _file_of(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _is_test(module: str) -> bool:
    return module.startswith("tests.") and module.rpartition(".")[2].startswith("test_")


def with_suffix(files: Iterable[str], *suffixes: str) -> list[str]:
    """Return the files with one of these endings that still exist."""
    return [file for file in files if file.endswith(suffixes) and (REPOSITORY / file).exists()]
