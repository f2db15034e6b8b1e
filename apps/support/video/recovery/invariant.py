"""What an invariant is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from libs.clock import Clock

from ..domain.ports import ObjectStorage
from ..services.dead_letters import QueueReader
from ..services.sqs_queue import VideoSQSQueue
from ..services.verification import MediaProber

ACTOR = "reconciler"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ports that invariants look at and repair through."""

    clock: Clock
    storage: ObjectStorage
    prober: MediaProber
    queue: VideoSQSQueue
    dead_letters: QueueReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row for which an invariant does not hold."""

    invariant: str
    subject: str
    """The row's key, as text: what `repair` looks up again."""
    tenant_id: int
    video_id: int
    detail: str
    facts: dict[str, object] = field(default_factory=dict)


class Severity(StrEnum):
    """How bad it is that an invariant does not hold."""

    NOTICE = "notice"  # normal life: a browser closed, a worker died
    WARNING = "warning"  # it heals, and often means that something is slow or dying
    CRITICAL = "critical"  # it must not happen: look for the cause


class LeftToPerson(Exception):
    """What is found here only a person may decide on."""


class Invariant(Protocol):
    """A sentence about the tables that must be true, how to find where it is not, and how to make it true."""

    code: str
    severity: Severity
    runbook: str
    """The page in docs/runbooks."""
    sentence: str

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """
        Return at most `limit` findings, oldest first, by an index. Changes nothing.

        Raises:
            VideoError, QueueUnavailable: The world did not let us look; the next round tries again.
        """
        ...

    def repair(self, world: World, finding: Finding) -> None:
        """
        Make it true, through a service. Idempotent: a finding that has healed meanwhile is left alone.

        Raises:
            TransitionRefused, LeaseLost: Somebody else was there first.
            LeftToPerson: It is for a person to decide.
            VideoError, QueueUnavailable: The world did not let us; the next round tries again.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look has found, and how to remember that it has been taken."""

    findings: list[Finding]
    move_on: Callable[[], None]


class PacedInvariant(ABC):
    """An invariant that looks at a part of its subjects in each round, and goes on from there in the next."""

    code: str
    severity: Severity
    runbook: str
    """The page in docs/runbooks."""
    sentence: str

    @abstractmethod
    def look(self, world: World, *, limit: int) -> Look:
        """Look at the part whose turn it is. Changes nothing; `move_on` is called once its findings are repaired."""

    @abstractmethod
    def repair(self, world: World, finding: Finding) -> None:
        """As of any invariant."""

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """Return what a look finds."""
        return self.look(world, limit=limit).findings
