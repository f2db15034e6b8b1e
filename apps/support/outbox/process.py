"""The relay's loop: a shell around `drain_once`."""

from threading import Event

import psycopg
import structlog
from django.db import close_old_connections, connection

from libs.clock import Clock
from libs.db.errors import DATABASE_DOWN
from libs.db.listening import listening

from .outbox import NOTIFY_CHANNEL
from .relay import DrainReport, MessageSender, drain_once, prune_sent

log = structlog.get_logger(__name__)

# A lost notification, or a row that becomes due later, is found after at most this long.
POLL_SECONDS = 1.0
PRUNE_EVERY_STEPS = 3600
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0


def run_relay(*, queue: MessageSender, clock: Clock, stop: Event, poll_seconds: float = POLL_SECONDS) -> None:
    """Send what is due until `stop` is set. Survives whatever a step raises, and a database or queue that is away."""
    pause_seconds = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        try:
            with listening(NOTIFY_CHANNEL) as wait:
                pause_seconds = FIRST_PAUSE_SECONDS
                _drain_until_stopped(queue=queue, clock=clock, stop=stop, wait=wait, poll_seconds=poll_seconds)
        except DATABASE_DOWN as error:
            log.warning("relay_database_unavailable", error=str(error), pause_seconds=pause_seconds)
        except Exception:
            log.exception("relay_crashed", pause_seconds=pause_seconds)
        if not stop.is_set():
            close_old_connections()
            stop.wait(pause_seconds)
            pause_seconds = min(LONGEST_PAUSE_SECONDS, pause_seconds * 2)


def _drain_until_stopped(
    *,
    queue: MessageSender,
    clock: Clock,
    stop: Event,
    wait: "psycopg.Connection[tuple[object, ...]]",
    poll_seconds: float,
) -> None:
    steps = 0
    while not stop.is_set():
        report = drain_once(queue=queue, clock=clock)
        _log_report(report)
        steps += 1
        if steps % PRUNE_EVERY_STEPS == 0:
            prune_sent(clock=clock)
        if report.sent == 0:
            connection.close_if_unusable_or_obsolete()
            next(wait.notifies(timeout=poll_seconds, stop_after=1), None)


def _log_report(report: DrainReport) -> None:
    if report.failed:
        log.warning("outbox_drained", sent=report.sent, failed=report.failed)
    elif report.sent:
        log.info("outbox_drained", sent=report.sent)
