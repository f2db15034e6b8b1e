"""`manage.py run_video_worker`: encode videos until told to stop."""

from django.core.management.base import BaseCommand

from apps.core.metrics_endpoint import expose_metrics
from apps.core.trace_endpoint import export_traces

from ...main import run_worker


class Command(BaseCommand):
    help = "Receive wake-ups from SQS and encode videos. Any number of these may run, on any machine."

    def handle(self, **_options: object) -> None:
        """Run until SIGTERM or SIGINT."""
        expose_metrics()
        export_traces("worker")
        run_worker()
