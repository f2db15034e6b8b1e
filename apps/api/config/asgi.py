"""The ASGI application. It does not start on a bad configuration."""

from __future__ import annotations

from apps.api.config.wsgi import application as wsgi_application
from apps.api.serving.wiring import build_root
from apps.core.metrics_endpoint import expose_metrics
from apps.core.trace_endpoint import export_traces

expose_metrics()
application = build_root(wsgi_application, at_the_end=export_traces("api"))
