"""The worker's loop: a shell around one receive."""

import threading

import structlog
from django.db import DatabaseError, close_old_connections

from apps.support.video.services.fleet import record_beat
from libs.queue.client import QueueUnavailable

from .handle import MessageHandler, MessageSource, Outcome

log = structlog.get_logger(__name__)

# A worker that is told to stop waits for its poll's answer, so this is also how long an idle one takes to stop.
LONG_POLL_SECONDS = 5
PAUSE_SECONDS = 2.0
# A host that fails at once is the one that is always free: without a rest it would use up the tries of every job. It is
# silent meanwhile, so that nobody counts on it.
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 60.0, 600.0
_COULD_WORK = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RETRY})


def consume_once(*, queue: MessageSource, handler: MessageHandler, wait_seconds: int) -> list[Outcome]:
    """
    Receive at most one message and handle it: a worker holds no work that it does not do.

    Raises:
        QueueUnavailable, DatabaseError: Nothing was lost; the message comes again.
    """
    received = queue.receive(
        queue_name=handler.queue_name,
        max_messages=1,
        wait_seconds=wait_seconds,
        visibility_seconds=round(handler.lease_seconds),
    )
    return [handler.handle(message) for message in received]


def run_consumer(*, queue: MessageSource, handler: MessageHandler, stopping: threading.Event) -> None:
    """Consume until `stopping` is set. Survives a queue or database that comes and goes."""
    rest_seconds = FIRST_REST_SECONDS
    while not stopping.is_set():
        try:
            close_old_connections()
            record_beat(worker_id=handler.worker_id, clock=handler.clock)
            outcomes = consume_once(queue=queue, handler=handler, wait_seconds=LONG_POLL_SECONDS)
            if Outcome.HOST_UNFIT in outcomes:
                log.error("worker_rests", worker_id=handler.worker_id, seconds=rest_seconds)
                stopping.wait(rest_seconds)
                rest_seconds = min(LONGEST_REST_SECONDS, 2 * rest_seconds)
            elif not _COULD_WORK.isdisjoint(outcomes):
                rest_seconds = FIRST_REST_SECONDS
            elif not outcomes:
                # A call for help may have been lost, or come while everybody was busy.
                handler.helper.help_out()
        except (QueueUnavailable, DatabaseError) as error:
            log.warning("consume_failed", error=repr(error))
            stopping.wait(PAUSE_SECONDS)
        except Exception:
            # The message stays and its lease runs out, so somebody tries again; this loop must not end with it.
            log.exception("consume_crashed")
            stopping.wait(PAUSE_SECONDS)
