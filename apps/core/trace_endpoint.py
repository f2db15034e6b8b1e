"""Where this process's spans go: an OTLP collector, or nowhere."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)


def export_traces(process: str) -> Callable[[], None]:
    """
    Export traces if `OTEL_EXPORTER_OTLP_ENDPOINT` is set; otherwise nothing of OpenTelemetry is even loaded.

    Args:
        process: "api", "relay", "worker" or "reconciler"; the service's name unless `OTEL_SERVICE_NAME` is another.

    Returns:
        What sends the rest and stops it. Processes that end by the interpreter's own end need not call it.
    """
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT is None:
        return lambda: None
    from libs.observability.trace_export import start_exporting

    service_name = settings.OTEL_SERVICE_NAME or f"academy-{process}"
    stop = start_exporting(service_name=service_name)
    log.info("trace_export_started", service_name=service_name)
    return stop
