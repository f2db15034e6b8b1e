"""One round over the invariants, and the loop around it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

import structlog
from django.db import close_old_connections, connection

from apps.core.idempotency import prune_idempotency_records
from apps.core.rate_limits import forget_idle_accounts
from libs.db.errors import DATABASE_DOWN
from libs.observability import metrics
from libs.queue.client import QueueUnavailable

from ..domain.errors import LeaseLost, TransitionRefused, VideoError
from ..services.dead_letters import forget_settled_letters
from ..services.fleet import forget_silent_workers
from .dead_letters import DeadLettersAreSettled
from .invariant import Finding, Invariant, LeftToPerson, Look, PacedInvariant, World
from .invariants import QueuedJobHasMessage, RetryIsOnTime, RunningJobHasLease, TombstoneIsPurged
from .outputs import PublishedOutputIsThere
from .pace import Pace
from .rounds import record_round
from .statuses import StatusIsProjection, WaitingVideoHasJob
from .strays import StoredHasOwner
from .uploads import ArrivedUploadIsCompleted
from .usage import UsageIsExact

log = structlog.get_logger(__name__)

BATCH = 100
_WORLD_DOWN = (VideoError, QueueUnavailable)
INVARIANTS: tuple[Invariant, ...] = (
    WaitingVideoHasJob(),
    QueuedJobHasMessage(),
    RunningJobHasLease(),
    RetryIsOnTime(),
    StatusIsProjection(),
    ArrivedUploadIsCompleted(),
    PublishedOutputIsThere(),
    DeadLettersAreSettled(),
    StoredHasOwner(),
    TombstoneIsPurged(),
    UsageIsExact(),
)
PRUNING = "pruning"
PERIOD_SECONDS: Mapping[str, float] = {
    WaitingVideoHasJob.code: 30.0,
    StatusIsProjection.code: 60.0,
    DeadLettersAreSettled.code: 30.0,
    StoredHasOwner.code: 30.0,
    UsageIsExact.code: 30.0,
    PRUNING: 300.0,
}
"""What runs less often than every round, by the code of an invariant or the name of a chore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantReport:
    """What one round did for one invariant."""

    code: str
    found: int
    repaired: int


def run_once(world: World, *, invariants: Sequence[Invariant] = INVARIANTS) -> list[InvariantReport]:
    """Find and repair for every invariant that no other reconciler is working on right now."""
    return [report for invariant in invariants for report in _run_invariant(world, invariant)]


def run_reconciler(world: World, *, interval_seconds: float, stop: Event) -> None:
    """Run rounds until `stop` is set. Survives whatever a round raises: the next one starts afresh."""
    pace = Pace(PERIOD_SECONDS)
    while not stop.is_set():
        try:
            close_old_connections()
            _run_due(world, pace=pace)
        except DATABASE_DOWN as error:
            log.warning("reconcile_round_failed", error=repr(error))
        except Exception:
            log.exception("reconcile_round_crashed")
        stop.wait(interval_seconds)


def _run_due(world: World, *, pace: Pace) -> None:
    now = world.clock.now()
    run_once(world, invariants=[invariant for invariant in INVARIANTS if pace.is_due(invariant.code, now=now)])
    if pace.is_due(PRUNING, now=now):
        prune_idempotency_records(now=now)
        forget_idle_accounts(now=now)
        forget_settled_letters(now=now)
        forget_silent_workers(clock=world.clock)


def _run_invariant(world: World, invariant: Invariant) -> Iterator[InvariantReport]:
    with _advisory_lock(f"invariant:{invariant.code}") as ours:
        if not ours:
            return
        look = _look(world, invariant)
        if look is None:
            return
        repaired = sum(_repair(world, invariant, finding) for finding in look.findings)
        look.move_on()
        report = InvariantReport(code=invariant.code, found=len(look.findings), repaired=repaired)
        record_round(code=report.code, found=report.found, repaired=repaired, now=world.clock.now())
        _count(invariant, report)
        yield report


def _count(invariant: Invariant, report: InvariantReport) -> None:
    labels = {"invariant": invariant.code, "severity": invariant.severity.value}
    metrics.FINDINGS.labels(**labels).inc(report.found)
    metrics.REPAIRS.labels(**labels).inc(report.repaired)


def _look(world: World, invariant: Invariant) -> Look | None:
    try:
        if isinstance(invariant, PacedInvariant):
            return invariant.look(world, limit=BATCH)
        return Look(findings=invariant.find(world, limit=BATCH), move_on=lambda: None)
    except _WORLD_DOWN as error:
        log.warning("find_failed", invariant=invariant.code, error=str(error))
    except DATABASE_DOWN:
        raise
    except Exception:
        # Part of the process loop: an invariant that cannot look must not keep the others back.
        log.exception("find_crashed", invariant=invariant.code)
    return None


def _repair(world: World, invariant: Invariant, finding: Finding) -> int:
    facts = {"invariant": finding.invariant, "video_id": finding.video_id, "tenant_id": finding.tenant_id}
    try:
        invariant.repair(world, finding)
    except (TransitionRefused, LeaseLost):
        return 0
    except LeftToPerson as reason:
        log.warning("repair_left_to_person", **facts, subject=finding.subject, reason=str(reason))
        return 0
    except _WORLD_DOWN as error:
        log.warning("repair_failed", **facts, detail=finding.detail, error=str(error))
        return 0
    except DATABASE_DOWN:
        raise
    except Exception:
        # Part of the process loop: one row that nobody foresaw must not keep all later ones stuck.
        log.exception("repair_crashed", **facts, detail=finding.detail)
        return 0
    log.info("repaired", **facts, subject=finding.subject, detail=finding.detail)
    return 1


@contextmanager
def _advisory_lock(name: str) -> Iterator[bool]:
    """
    Hold a lock that ends with the connection, so that a reconciler that dies leaves none behind.

    Source:
        https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        ours = bool(cursor.fetchone()[0])
    try:
        yield ours
    finally:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
