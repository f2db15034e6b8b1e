"""
Which trace the present work belongs to: one upload, from the click in the browser to READY.

A place in a trace is the string that W3C Trace Context calls `traceparent`. Rows and messages carry it as it is, so a
process that exports nothing still hands the trace on; what exports spans is loaded only by a process that does.

Source:
    https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

TRACEPARENT_HEADER = "traceparent"
TRACEPARENT_LENGTH = 55

SpanKind = Literal["internal", "server", "producer", "consumer"]
Attributes = Mapping[str, str | int | float | bool]

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?")
_NO_ATTRIBUTES: Attributes = {}


class LiveSpan(Protocol):
    """A span that is exported when it ends. No method raises."""

    @property
    def traceparent(self) -> str: ...
    def rename(self, name: str) -> None: ...
    def note(self, attributes: Attributes) -> None: ...
    def fail(self, cause: str) -> None: ...
    def end(self) -> None: ...


class Tracer(Protocol):
    """Begins spans. An empty `parent` begins a trace."""

    def start(
        self, name: str, *, kind: SpanKind, parent: str, link: str, attributes: Attributes, started_ns: int | None
    ) -> LiveSpan: ...


@dataclass(frozen=True, slots=True)
class _Here:
    traceparent: str = ""
    span: LiveSpan | None = None


_here: ContextVar[_Here] = ContextVar("trace", default=_Here())  # noqa: B039
_tracer: Tracer | None = None


def use_tracer(tracer: Tracer | None) -> None:
    """Let the spans of this process be exported by `tracer` from now on, or not at all."""
    global _tracer  # noqa: PLW0603
    _tracer = tracer


def accept_traceparent(given: str | None) -> str:
    """Return a caller's `traceparent` as version 00 has it, or an empty string for one that is none."""
    match = _TRACEPARENT.fullmatch((given or "").strip(" \t"))
    if match is None:
        return ""
    version, place, more = match.groups()
    # A later version may say more behind, which is not ours to hand on.
    return "" if version == "00" and more else f"00-{place}"


def current_traceparent() -> str:
    """Return the place of the present work; empty when it belongs to no trace."""
    return _here.get().traceparent


def trace_id_of(traceparent: str) -> str:
    """Return the trace of a place; empty for no place."""
    return traceparent[3:35]


def is_exporting() -> bool:
    """Tell whether this process exports spans: what only a span needs is not worked out otherwise."""
    return _tracer is not None


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = "internal",
    parent: str | None = None,
    link: str = "",
    attributes: Attributes = _NO_ATTRIBUTES,
    started_ns: int | None = None,
) -> Iterator[None]:
    """
    Do the block's work in a span. An exception that leaves the block is its failure.

    Without an exporter the block's work belongs to `parent` itself.

    Args:
        parent: Where it came from; by default the work that this is a part of. Empty: it begins a trace.
        link: Another place that has to do with it.
        attributes: No secret, no URL, nothing of a tenant: they leave the installation.
        started_ns: When it began, if that was earlier (`time.time_ns`).
    """
    origin = current_traceparent() if parent is None else parent
    live = None
    if _tracer is not None:
        live = _tracer.start(name, kind=kind, parent=origin, link=link, attributes=attributes, started_ns=started_ns)
    token = _here.set(_Here(live.traceparent if live else origin, live))
    try:
        yield
    except BaseException as error:
        fail(_cause_of(error))
        raise
    finally:
        _here.reset(token)
        if live is not None:
            live.end()


def rename(name: str) -> None:
    """Name the present span by what has become known since it began."""
    if live := _here.get().span:
        live.rename(name)


def note(attributes: Attributes) -> None:
    """Add to what the present span tells."""
    if live := _here.get().span:
        live.note(attributes)


def fail(cause: str) -> None:
    """Mark the present span as failed. The cause is a code of ours, never a message: those may quote a URL."""
    if live := _here.get().span:
        live.fail(cause)


def record(name: str, *, kind: SpanKind, parent: str, started_ns: int, attributes: Attributes) -> None:
    """Export a span that ends now, of a trace that the present work has to do with only by this."""
    if _tracer is not None:
        _tracer.start(name, kind=kind, parent=parent, link="", attributes=attributes, started_ns=started_ns).end()


def _cause_of(error: BaseException) -> str:
    for name in ("cause_code", "code"):
        code = getattr(error, name, None)
        if isinstance(code, str) and code:
            return code
    return type(error).__name__
