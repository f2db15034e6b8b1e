"""Which workers live."""

from datetime import timedelta

from libs.clock import Clock
from libs.db.clock import DatabaseClock

from ..models import WorkerBeat

DATABASE_CLOCK = DatabaseClock()
FORGET_AFTER = timedelta(days=1)


def record_beat(*, worker_id: str, clock: Clock = DATABASE_CLOCK) -> None:
    """Say that a worker lives and waits for work. One that works says so by its lease."""
    now = clock.now()
    WorkerBeat.objects.update_or_create(
        worker_id=worker_id, defaults={"seen_at": now}, create_defaults={"seen_at": now, "started_at": now}
    )


def forget_silent_workers(*, clock: Clock = DATABASE_CLOCK) -> int:
    """Remove workers that have not been seen for a day. Return how many."""
    return WorkerBeat.objects.filter(seen_at__lt=clock.now() - FORGET_AFTER).delete()[0]
