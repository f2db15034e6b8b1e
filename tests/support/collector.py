"""An OTLP collector, which keeps what it gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.receiver import Receiver
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A span as it was received."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: dict[str, Any]
    has_failed: bool
    status_text: str
    started_ns: int
    ended_ns: int


class Collector(Receiver):
    """Takes OTLP over HTTP."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[Exported] = []
        self._decoded_count = 0

    def spans(self) -> list[Exported]:
        """Return all that came, decoded. Each body is decoded once: a session's are many."""
        new = self.received[self._decoded_count :]
        self._decoded_count += len(new)
        self._spans += [span for received in new for span in _decoded(received.body)]
        return self._spans

    def trace(self, trace_id: str, *ends: str) -> dict[str, Exported]:
        """Return the spans of a trace by name, as soon as each of these is what some name ends with."""

        def found() -> dict[str, Exported]:
            named = {span.name: span for span in self.spans() if span.trace_id == trace_id}
            return named if all(any(name.endswith(end) for name in named) for end in ends) else {}

        return wait_until(found, timeout_seconds=30, message=f"{ends} are exported")


def _decoded(body: bytes) -> Iterator[Exported]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _values(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _exported(span, service=service)


def _exported(span: Span, *, service: str) -> Exported:
    return Exported(
        service=service,
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        links=tuple(link.trace_id.hex() for link in span.links),
        attributes=_values(span.attributes),
        has_failed=span.status.code == Status.STATUS_CODE_ERROR,
        status_text=span.status.message,
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}
