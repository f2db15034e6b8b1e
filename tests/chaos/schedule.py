"""What goes wrong in a run, decided by its seed before anything runs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can go wrong."""

    KILL = "kill"
    KILL_AT_POINT = "kill_at_point"
    FREEZE = "freeze"
    STOP_ENGINE = "stop_engine"
    PURGE_QUEUE = "purge_queue"
    CUT = "cut"
    CLOSE_LINE = "close_line"
    SLOW_LINE = "slow_line"
    DUPLICATE_MESSAGES = "duplicate_messages"
    REORDER_MESSAGES = "reorder_messages"
    HIDE_MESSAGES = "hide_messages"
    JUMP_CLOCK = "jump_clock"


# Processes die more often than anything else: that is what they do.
_WEIGHTS = {Fault.KILL: 4, Fault.KILL_AT_POINT: 4, Fault.FREEZE: 2}
ENGINES = ("postgres", "s3", "sqs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    One fault.

    Args:
        after_uploads: It happens when so many uploads have begun.
        seconds: How long it lasts, where it lasts.
        amount: How far a clock jumps, how late a line is, how many messages: in the fault's own unit.
    """

    after_uploads: int
    fault: Fault
    target: str
    seconds: float
    amount: float

    def __str__(self) -> str:
        return f"{self.after_uploads:>5} {self.fault} {self.target} {self.seconds:.1f} s {self.amount:+.2f}"


class Habit(StrEnum):
    """What the client of an upload does."""

    STAYS = "stays"
    CLOSES_TAB = "closes_tab"
    DELETES = "deletes"
    CANCELS = "cancels"
    ENCODES_AGAIN = "encodes_again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A run: its faults in order, and each client's habit."""

    events: tuple[Event, ...]
    habits: tuple[Habit, ...]


def make_schedule(*, seed: int, uploads: int, workers: int, uploads_per_fault: float, has_faketime: bool) -> Schedule:
    """
    Return the same schedule for the same arguments.

    Args:
        uploads_per_fault: How many uploads begin, on average, between two faults.
        has_faketime: Whether clocks can be made to jump here.
    """
    chance = random.Random(seed)
    actors = ["api", "relay", "reconciler", *(f"worker-{number}" for number in range(1, workers + 1))]
    faults = [fault for fault in Fault if has_faketime or fault is not Fault.JUMP_CLOCK]
    weights = [
        4 if fault in {Fault.KILL, Fault.KILL_AT_POINT} else 2 if fault is Fault.FREEZE else 1 for fault in faults
    ]
    events = []
    at = chance.uniform(1, uploads_per_fault)
    while at < uploads:
        fault = chance.choices(faults, weights)[0]
        events.append(_event(chance, fault, after_uploads=round(at), actors=actors))
        at += chance.uniform(0.2, 1.8) * uploads_per_fault
    habits = chance.choices(list(Habit), [80, 8, 5, 3, 4], k=uploads)
    return Schedule(events=tuple(events), habits=tuple(habits))


def _event(chance: random.Random, fault: Fault, *, after_uploads: int, actors: list[str]) -> Event:
    target = {
        Fault.KILL: actors,
        Fault.KILL_AT_POINT: [actor for actor in actors if actor.startswith("worker")],
        Fault.FREEZE: actors,
        Fault.JUMP_CLOCK: actors,
        Fault.STOP_ENGINE: list(ENGINES),
        Fault.CUT: list(ENGINES),
        Fault.CLOSE_LINE: list(ENGINES),
        Fault.SLOW_LINE: list(ENGINES),
    }.get(fault, ["sqs"])
    amount = {
        Fault.JUMP_CLOCK: chance.choice([-90.0, -20.0, 20.0, 90.0, 600.0]),
        Fault.SLOW_LINE: chance.uniform(0.02, 0.2),
        # An attempt of the paper encoder passes some thirty sides of points.
        Fault.KILL_AT_POINT: float(chance.randint(1, 40)),
    }.get(fault, 20.0)
    return Event(
        after_uploads=after_uploads,
        fault=fault,
        target=chance.choice(target),
        seconds=chance.uniform(1.0, 6.0),
        amount=amount,
    )
