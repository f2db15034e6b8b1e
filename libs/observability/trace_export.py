"""
Sends spans to an OTLP collector. Importing it takes a fifth of a second: only a process that exports does.

Endpoint, headers, certificates, sampler and limits are the OpenTelemetry SDK's own variables.

Source:
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace.status import Status, StatusCode

from libs.observability.tracing import Attributes, LiveSpan, SpanKind, accept_traceparent, use_tracer

log = structlog.get_logger(__name__)

# A second's spans of a busy api. What does not fit is lost and counted: tracing must not cost memory.
MOST_WAITING = 4096
BATCH = 512
EXPORT_EVERY_SECONDS = 1.0
# A process that is told to stop has seconds, and its work comes first.
STOP_SECONDS = 1.0
COMPLAIN_EVERY_SECONDS = 60.0


def start_exporting(*, service_name: str) -> Callable[[], None]:
    """
    Export this process's spans from now on, in a daemon thread.

    Returns:
        What stops it and sends what waits, within `STOP_SECONDS`. It is also called when the interpreter ends.
    """
    # It would repeat itself at every batch; `SpanQueue` says it once a minute.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    waiting = SpanQueue(OTLPSpanExporter())
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service_name}), shutdown_on_exit=False)
    provider.add_span_processor(waiting)
    use_tracer(_OtlpTracer(provider.get_tracer("academy-video")))

    def stop() -> None:
        use_tracer(None)
        waiting.shutdown()

    atexit.register(stop)
    return stop


class SpanQueue(SpanProcessor):
    """
    Holds ended spans until the next batch.

    The SDK's `BatchSpanProcessor` begins a thread in every forked child, between fork and exec; ours are encoders.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._ended: deque[ReadableSpan] = deque(maxlen=MOST_WAITING)
        self._lost = 0
        self._complained_at = -COMPLAIN_EVERY_SECONDS
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trace-export", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._ended)

    def on_end(self, span: ReadableSpan) -> None:
        if len(self._ended) == MOST_WAITING:
            self._lost += 1
        self._ended.append(span)

    def shutdown(self) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        self._exporter.shutdown()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(EXPORT_EVERY_SECONDS)
            while self._ended:
                self._export([self._ended.popleft() for _ in range(min(BATCH, len(self._ended)))])

    def _export(self, spans: list[ReadableSpan]) -> None:
        try:
            result = self._exporter.export(spans)
        except Exception:
            log.exception("traces_export_crashed")
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
        now = time.monotonic()
        if self._lost and now - self._complained_at >= COMPLAIN_EVERY_SECONDS:
            log.warning("traces_not_exported", spans=self._lost)
            self._lost, self._complained_at = 0, now


class _OtlpTracer:
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def start(
        self, name: str, *, kind: SpanKind, parent: str, link: str, attributes: Attributes, started_ns: int | None
    ) -> LiveSpan:
        # A row may hold what somebody has written there by hand.
        parent, link = accept_traceparent(parent), accept_traceparent(link)
        span = self._tracer.start_span(
            name,
            _context_of(parent) if parent else Context(),
            kind=trace.SpanKind[kind.upper()],
            attributes=attributes,
            links=[trace.Link(_place_of(link))] if link else [],
            start_time=started_ns,
        )
        return _OtlpSpan(span, parent=parent)


class _OtlpSpan:
    def __init__(self, span: trace.Span, *, parent: str) -> None:
        self._span = span
        self._has_failed = False
        place = span.get_span_context()
        # Switched off by OTEL_SDK_DISABLED there is no place; the trace goes on all the same.
        self.traceparent = (
            f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags:02x}" if place.is_valid else parent
        )

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def fail(self, cause: str) -> None:
        # What is said first is closest to the cause: the exception that then leaves the span says less.
        if self._has_failed:
            return
        self._has_failed = True
        self._span.set_attribute("error.type", cause)
        self._span.set_status(Status(StatusCode.ERROR, cause))

    def end(self) -> None:
        self._span.end()


def _context_of(traceparent: str) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(_place_of(traceparent)), Context())


def _place_of(traceparent: str) -> trace.SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=trace.TraceFlags(int(flags, 16))
    )
