"""
Dying at any line that matters: before and after every port call, every commit and every write outside a transaction.

The points are not listed by hand: a first run counts them, and each later run dies at one.
"""

from __future__ import annotations

import os
import re
import signal
import types
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

_WRITE = re.compile(r'\b(INSERT INTO|(?<!FOR )UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)


# Calls of ports that change nothing. `queue.receive` hides what it receives.
_READS = ("storage.list_", "storage.head", "storage.presign_", "storage.read_", "prober.", "dead_letters.depth")


class Killed(BaseException):
    """The process is gone. Not an Exception: nothing in the product may catch it."""


class When(StrEnum):
    """On which side of its point a run dies: the world has not been touched yet, or nobody hears that it was."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process can die: in which step of the run, and at the how-manyth call of that name."""

    step: int
    place: tuple[str, int, str]

    @property
    def name(self) -> str:
        return self.place[2]

    @property
    def only_reads(self) -> bool:
        """Whether the call leaves nothing behind that outlives its process."""
        return self.name.startswith(_READS)

    def __str__(self) -> str:
        step, number, name = self.place
        return f"{name} ({number}) of {step.lstrip('_')}"


@dataclass(slots=True)
class KillSwitch:
    """
    Counts the points that a process passes, and ends it at one.

    Once it has struck, every further call and statement of the process raises too, `finally` blocks included: a
    process that was killed does not clean up.
    """

    die_at: int | None = None
    when: When = When.BEFORE
    points: list[Point] = field(default_factory=list)
    is_armed: bool = False
    is_dead: bool = False
    bury: Callable[[], None] = lambda: None
    """What the kernel does with a dead process's connections."""
    _step: int = 0
    _step_name: str = ""
    _passed_in_step: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def armed(self, step_name: str) -> Iterator[None]:
        """Count within the block, and swallow the death."""
        self.is_armed = True
        self._step += 1
        self._step_name, self._passed_in_step = step_name, Counter()
        try:
            yield
        except Killed:
            pass
        except Exception:
            # What a dying process still says is heard by nobody.
            if not self.is_dead:
                raise
        finally:
            if self.is_dead:
                self.bury()
            self.is_armed = self.is_dead = False

    @contextmanager
    def point(self, name: str, *, undo: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Let the block be one point. `undo` is what the world does by itself when its peer dies before."""
        if self.is_dead:
            undo()
            raise Killed(name)
        if not self.is_armed:
            yield
            return
        number = len(self.points)
        self._passed_in_step[name] += 1
        self.points.append(Point(self._step, (self._step_name, self._passed_in_step[name], name)))
        self._strike(number, When.BEFORE, undo)
        yield
        self._strike(number, When.AFTER, lambda: None)

    def _strike(self, number: int, when: When, undo: Callable[[], None]) -> None:
        if (number, when) == (self.die_at, self.when):
            self.is_dead = True
            undo()
            raise Killed(self.points[number].name)


class SuicideSwitch(KillSwitch):
    """Ends its own process with SIGKILL, so many points after a file says so."""

    __slots__ = ("_file", "_left")

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._left: int | None = None

    @contextmanager
    def point(self, name: str, *, undo: Callable[[], None] = lambda: None) -> Iterator[None]:
        self._count()
        yield
        self._count()

    def _count(self) -> None:
        if self._left is None and self._file.exists():
            self._left = int(self._file.read_text(encoding="utf-8"))
            self._file.unlink()
        if self._left is None:
            return
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A port whose every call is a point. Everything else of it is as it was."""

    def __init__(self, port: object, name: str, switch: KillSwitch) -> None:
        self._port = port
        self._name = name
        self._switch = switch

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._port, attribute)
        if not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            with self._switch.point(f"{self._name}.{attribute}"):
                answer = value(*arguments, **options)
                # A listing is read while its pages come; here it comes whole.
                return iter(list(answer)) if isinstance(answer, types.GeneratorType) else answer

        return call


class WatchedDatabase(DatabaseWrapper):
    """Django's connection, with a point at every commit and every write outside a transaction."""

    def __init__(self, settings_dict: dict[str, Any], alias: str, *, switch: KillSwitch) -> None:
        super().__init__(settings_dict, alias)
        self._switch = switch
        self._last_write = "nothing"
        self.execute_wrappers.append(self._watch)

    def _commit(self) -> None:
        written, self._last_write = self._last_write, "nothing"
        if written == "nothing" and not self._switch.is_dead:
            super()._commit()  # type: ignore[misc]
            return
        # The server rolls back when its client is gone.
        with self._switch.point(f"commit after {written}", undo=self._rollback):  # type: ignore[attr-defined]
            super()._commit()  # type: ignore[misc]

    def _watch(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        write = _WRITE.search(sql)
        if write is not None:
            self._last_write = f"{write[1].lower()} {write[2]}"
        if self._switch.is_dead:
            raise Killed(sql)
        if write is None or self.in_atomic_block:
            return execute(sql, params, many, context)
        with self._switch.point(self._last_write):
            return execute(sql, params, many, context)

    def bury(self) -> None:
        """End the session with all that it holds; the pool must not hand it on."""
        if self.connection is not None:
            self.connection.close()
        self.close()


@contextmanager
def watched_database(switch: KillSwitch) -> Iterator[None]:
    """Give this thread's code a database connection that can be killed."""
    usual = connections["default"]
    usual.close()
    watched = WatchedDatabase(usual.settings_dict, "default", switch=switch)
    connections["default"] = watched
    switch.bury = watched.bury
    try:
        yield
    finally:
        watched.close()
        connections["default"] = usual
