"""`manage.py run_video_reconciler`: find broken invariants and repair them until told to stop."""

import signal
from threading import Event

from django.conf import settings
from django.core.management.base import BaseCommand

from ... import wiring
from ...recovery.invariant import World
from ...recovery.reconciler import run_reconciler


class Command(BaseCommand):
    help = "Find broken invariants and repair them. Any number of these may run."

    def handle(self, **_options: object) -> None:
        """Run until SIGTERM or SIGINT."""
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        world = World(
            clock=wiring.clock(), storage=wiring.storage(), prober=wiring.prober(), queue=wiring.video_queue()
        )
        run_reconciler(world, interval_seconds=settings.VIDEO_RECONCILE_INTERVAL_SECONDS, stop=stop)
