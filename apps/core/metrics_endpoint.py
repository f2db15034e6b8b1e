"""Where Prometheus reads this process's metrics: a port of its own, never the public one."""

from __future__ import annotations

import structlog
from django.conf import settings

from libs.observability.metrics import serve_metrics

log = structlog.get_logger(__name__)


def expose_metrics() -> None:
    """Serve metrics if `METRICS_PORT` is set. What is not measured still works: a port that is taken ends nothing."""
    if settings.METRICS_PORT is None:
        return
    bound = log.bind(address=settings.METRICS_ADDRESS, port=settings.METRICS_PORT)
    try:
        serve_metrics(address=settings.METRICS_ADDRESS, port=settings.METRICS_PORT)
    except OSError as error:
        bound.error("metrics_not_served", error=str(error))
    else:
        bound.info("metrics_served")
