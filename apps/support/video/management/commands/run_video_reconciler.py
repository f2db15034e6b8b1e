"""`manage.py run_video_reconciler`: find broken invariants and repair them until told to stop."""

import signal
from threading import Event, Thread

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from apps.core.metrics_endpoint import expose_metrics
from apps.core.trace_endpoint import export_traces

from ... import wiring
from ...recovery.gauges import register_gauges
from ...recovery.invariant import World
from ...recovery.reconciler import run_reconciler
from ...recovery.storage_events import run_storage_events
from ...recovery.wired import wired_world


class Command(BaseCommand):
    help = "Find broken invariants and repair them. Any number of these may run."

    def handle(self, **_options: object) -> None:
        """Run until SIGTERM or SIGINT."""
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        world = wired_world()
        register_gauges()
        expose_metrics()
        export_traces("reconciler")
        queue_name = settings.VIDEO_STORAGE_EVENTS_QUEUE_NAME
        listeners = [Thread(target=_listen, args=(world, queue_name, stop), name=queue_name)] if queue_name else []
        for listener in listeners:
            listener.start()
        run_reconciler(world, interval_seconds=settings.VIDEO_RECONCILE_INTERVAL_SECONDS, stop=stop)
        for listener in listeners:
            listener.join()


def _listen(world: World, queue_name: str, stop: Event) -> None:
    try:
        run_storage_events(world, events=wiring.job_queue(), queue_name=queue_name, stop=stop)
    finally:
        connections.close_all()
