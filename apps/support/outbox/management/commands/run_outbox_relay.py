"""`manage.py run_outbox_relay`: send outbox messages to SQS, and webhooks, until told to stop."""

import signal
from threading import Event

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.core.metrics_endpoint import expose_metrics
from apps.core.trace_endpoint import export_traces
from libs.db.clock import DatabaseClock
from libs.queue.client import SQSQueueClient

from ...companions import running_companions
from ...process import run_relay


class Command(BaseCommand):
    help = "Send outbox messages to SQS, and webhooks. Any number of these may run."

    def handle(self, **_options: object) -> None:
        """Run until SIGTERM or SIGINT."""
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        queue = SQSQueueClient(
            region=settings.SQS_REGION,
            endpoint_url=settings.SQS_ENDPOINT_URL,
            access_key_id=settings.AWS_ACCESS_KEY_ID,
            secret_access_key=settings.AWS_SECRET_ACCESS_KEY,
            read_timeout_seconds=10,
        )
        expose_metrics()
        export_traces("relay")
        with running_companions(stop):
            run_relay(queue=queue, clock=DatabaseClock(), stop=stop)
