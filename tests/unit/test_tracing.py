"""Promises about traces: a place is handed on whoever exports, and exporting costs the work nothing."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from libs.observability import tracing
from libs.observability.trace_export import MOST_WAITING, STOP_SECONDS, SpanQueue, start_exporting
from tests.support.collector import Collector
from tests.support.waiting import wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
CLICK = f"00-{TRACE}-b7ad6b7169203331-01"
ELSEWHERE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Collector() as listening:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listening.url)
        yield listening


class TestPlaces:
    @pytest.mark.parametrize(
        ("given", "accepted"),
        [
            (CLICK, CLICK),
            (f" {CLICK}\t", CLICK),
            (CLICK[:-2] + "00", CLICK[:-2] + "00"),
            # A later version: what we know of it is kept, the rest is not ours.
            (f"cc-{CLICK[3:]}-what-comes-later", CLICK),
        ],
    )
    def test_a_callers_place_is_taken_as_version_00_has_it(self, given: str, accepted: str) -> None:
        assert tracing.accept_traceparent(given) == accepted

    @pytest.mark.parametrize(
        "given",
        [
            None,
            "",
            "x",
            CLICK.upper(),
            f"ff-{CLICK[3:]}",
            f"{CLICK}-more",
            CLICK[:-1],
            CLICK + "\n",
            f"00-{'0' * 32}-b7ad6b7169203331-01",
            f"00-{TRACE}-{'0' * 16}-01",
            f"{CLICK},{CLICK}",
            "00-" + "a" * 100_000,
        ],
    )
    def test_what_is_none_is_as_if_nothing_had_been_said(self, given: str | None) -> None:
        assert tracing.accept_traceparent(given) == ""


class TestWithoutAnExporter:
    def test_nothing_of_opentelemetry_is_loaded(self) -> None:
        """To whoever has no collector: the api's and the worker's modules do not even import it."""
        program = (
            "import os, sys, django; django.setup()\n"
            "import apps.api.middleware, apps.support.outbox.process, apps.worker.video_worker.main\n"
            "import apps.core.trace_endpoint, libs.observability.logging\n"
            "apps.core.trace_endpoint.export_traces('api')()\n"
            "sys.exit(any(name.partition('.')[0] == 'opentelemetry' for name in sys.modules))"
        )
        assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == 0

    def test_the_place_is_handed_on_as_it_is(self) -> None:
        with tracing.span("outer", parent=CLICK), tracing.span("inner"):
            tracing.note({"video_id": 1})
            tracing.fail("CAUSE")
            assert tracing.current_traceparent() == CLICK
        assert tracing.current_traceparent() == ""


@contextmanager
def exporting() -> Iterator[None]:
    stop = start_exporting(service_name="academy-test")
    try:
        yield
    finally:
        stop()


class TestExported:
    def test_a_span_knows_its_parent_its_link_and_what_was_noted(self, collector: Collector) -> None:
        began_ns = time.time_ns() - 1_000_000
        with exporting():
            with tracing.span("outer", kind="consumer", parent=CLICK, link=ELSEWHERE, started_ns=began_ns):
                here = tracing.current_traceparent()
                with tracing.span("inner", attributes={"number": 3}):
                    tracing.note({"outcome": "done"})
            spans = collector.trace(TRACE, "outer")

        assert here[:36] == CLICK[:36]
        outer, inner = spans["outer"], spans["inner"]
        assert (outer.service, outer.kind, outer.parent_id) == ("academy-test", "consumer", "b7ad6b7169203331")
        assert (outer.links, outer.started_ns) == ((ELSEWHERE[3:35],), began_ns)
        assert (inner.parent_id, inner.attributes) == (outer.span_id, {"number": 3, "outcome": "done"})
        assert tracing.current_traceparent() == ""

    def test_a_failure_is_the_first_code_that_was_named_and_no_message(self, collector: Collector) -> None:
        """To the tenant: an exception may quote a signed URL, so no word of it leaves."""
        with exporting():
            with pytest.raises(ValueError, match="secret"):
                _fail("named", cause="ENCODER_CRASH")
            with pytest.raises(ValueError, match="secret"):
                _fail("unnamed")
            spans = collector.trace(TRACE, "unnamed")
        assert {name: (span.attributes["error.type"], span.has_failed) for name, span in spans.items()} == {
            "named": ("ENCODER_CRASH", True),
            "unnamed": ("ValueError", True),
        }
        assert not any(b"secret" in received.body for received in collector.received)

    def test_a_place_that_is_none_in_a_row_begins_a_trace_instead_of_failing_the_work(
        self, collector: Collector
    ) -> None:
        with exporting():
            with tracing.span("work", parent="by hand", link="too"):
                trace_id = tracing.trace_id_of(tracing.current_traceparent())
            assert collector.trace(trace_id, "work")["work"].parent_id == ""

    def test_what_the_sampler_leaves_out_is_handed_on_as_left_out(
        self, collector: Collector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
        with exporting(), tracing.span("work", parent=CLICK):
            here = tracing.current_traceparent()
        assert (here[:35], here[-3:]) == (CLICK[:35], "-00")
        assert collector.received == []

    @pytest.mark.parametrize("parent", [CLICK, ""])
    def test_an_sdk_that_is_switched_off_hands_the_place_on(
        self, collector: Collector, monkeypatch: pytest.MonkeyPatch, parent: str
    ) -> None:
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        with exporting(), tracing.span("work", parent=parent):
            assert tracing.current_traceparent() == parent
        assert collector.received == []


def _fail(name: str, *, cause: str = "") -> None:
    with tracing.span(name, parent=CLICK):
        if cause:
            tracing.fail(cause)
        raise ValueError("https://storage.invalid/?X-Amz-Signature=secret")


class StuckExporter(SpanExporter):
    """A collector that takes a connection and never answers."""

    def __init__(self) -> None:
        self.is_called = threading.Event()
        self.gives_up = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.is_called.set()
        self.gives_up.wait(20)
        return SpanExportResult.FAILURE


def test_a_collector_that_hangs_holds_up_neither_the_work_nor_the_end() -> None:
    exporter = StuckExporter()
    waiting = SpanQueue(exporter)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(waiting)
    tracer = provider.get_tracer("test")
    tracer.start_span("first").end()
    assert exporter.is_called.wait(10)

    started = time.monotonic()
    for _ in range(MOST_WAITING + 10):
        tracer.start_span("work").end()
    assert len(waiting) == MOST_WAITING
    worked = time.monotonic()
    waiting.shutdown()
    assert time.monotonic() - worked < STOP_SECONDS + 1
    assert worked - started < 5
    with capture_logs() as lines:
        exporter.gives_up.set()
        wait_until(lambda: len(waiting) == 0 and lines, timeout_seconds=10, message="what was lost is told")
    assert lines == [{"event": "traces_not_exported", "spans": 11, "log_level": "warning"}]


class DeadExporter(SpanExporter):
    """A collector that is not there."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE


def test_a_dead_collector_is_told_of_once_a_minute_and_not_at_every_batch() -> None:
    with capture_logs() as lines:
        waiting = SpanQueue(DeadExporter())
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(waiting)
        for _ in range(2000):
            provider.get_tracer("test").start_span("work").end()
        waiting.shutdown()
    assert [line["event"] for line in lines] == ["traces_not_exported"]
