"""The webhooks' loop beside the relay: a shell around `take_events`, `reserve_due` and `deliver`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread

import structlog
from django.db import close_old_connections, connection

from apps.support.video.models import FEED_CHANNEL
from apps.support.video.wiring import shared_clock
from libs.db.errors import DATABASE_DOWN
from libs.db.listening import listening

from . import wiring
from .models import WebhookDelivery
from .serializers import event_facts
from .services.delivering import SendingPorts, deliver, reserve_due
from .services.endpoints import WAKE_CHANNEL
from .services.pruning import BATCH, prune_deliveries
from .services.taking import take_events

log = structlog.get_logger(__name__)

SENDERS = 6
# A lost notification, or a message that becomes due later, is found after at most this long.
POLL_SECONDS = 1.0
PAUSE_SECONDS = 2.0
PRUNE_EVERY_SECONDS = 300.0
# What is still being sent then is sent again by whoever comes next.
STOP_SECONDS = 7.0


def run_webhooks(stop: Event) -> None:
    """Send webhooks until `stop` is set."""
    ports = SendingPorts(poster=wiring.outbound(), key=wiring.secret_key(), facts_of=event_facts, clock=shared_clock())
    WebhookLoop(ports).run(stop)


class WebhookLoop:
    """
    Hands what is due to threads of its own, each for one message.

    Threads, because a send is waiting for somebody else; each is given up by the end of the process.
    """

    def __init__(self, ports: SendingPorts) -> None:
        self._ports = ports
        self._senders: set[Thread] = set()
        self._wakeup = Event()
        self._pruned_at = time.monotonic()

    def run(self, stop: Event) -> None:
        """Run until `stop` is set. Survives a database that comes and goes."""
        listener = Thread(target=self._listen, args=(stop,), name="webhooks-listener", daemon=True)
        listener.start()
        while not stop.is_set():
            self._wakeup.clear()
            with _surviving(stop):
                connection.close_if_unusable_or_obsolete()
                if not self._step():
                    self._wakeup.wait(POLL_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in (listener, *self._senders):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _step(self) -> bool:
        pruned = self._prune()
        taken = take_events(clock=self._ports.clock)
        free = SENDERS - len(self._senders)
        reserved = reserve_due(clock=self._ports.clock, limit=free) if free else []
        for delivery in reserved:
            sender = Thread(target=self._deliver, args=(delivery,), name=f"webhook-{delivery.pk}", daemon=True)
            self._senders.add(sender)
            sender.start()
        return pruned > 0 or taken > 0 or len(reserved) > 0

    def _prune(self) -> int:
        if time.monotonic() - self._pruned_at < PRUNE_EVERY_SECONDS:
            return 0
        pruned = prune_deliveries(now=self._ports.clock.now())
        if pruned < BATCH:
            self._pruned_at = time.monotonic()
        return pruned

    def _deliver(self, delivery: WebhookDelivery) -> None:
        try:
            deliver(delivery, ports=self._ports)
        except DATABASE_DOWN as error:
            # Its reservation ends by itself; then it is sent again.
            log.warning("webhook_not_marked", message_id=delivery.message_id, error=str(error))
        except Exception:
            log.exception("webhook_crashed", message_id=delivery.message_id)
        finally:
            # The thread ends, and would take its connection along.
            connection.close()
            self._senders.discard(current_thread())
            self._wakeup.set()

    def _listen(self, stop: Event) -> None:
        while not stop.is_set():
            with _surviving(stop), listening(FEED_CHANNEL, WAKE_CHANNEL) as listener:
                while not stop.is_set():
                    for _notification in listener.notifies(timeout=POLL_SECONDS, stop_after=1):
                        self._wakeup.set()


@contextmanager
def _surviving(stop: Event) -> Iterator[None]:
    try:
        yield
    except DATABASE_DOWN as error:
        log.warning("webhooks_database_unavailable", error=str(error))
        close_old_connections()
        stop.wait(PAUSE_SECONDS)
    except Exception:
        log.exception("webhooks_crashed")
        stop.wait(PAUSE_SECONDS)
