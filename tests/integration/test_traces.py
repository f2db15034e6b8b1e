"""To whoever asks where the time went: one upload is one trace, from the click to READY."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings

from apps.core.models import Tenant
from apps.support.outbox.relay import drain_once
from apps.support.video import wiring
from apps.support.video.domain.contracts import ClaimedJob, TranscodeOutput
from apps.support.video.models import Video, VideoTranscodeJob
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.recovery.uploads import ArrivedUploadIsCompleted
from apps.worker.video_worker.lease import ProgressReporter
from apps.worker.video_worker.video.ledger import ChunkLedger
from libs.clock import SystemClock
from libs.media.ffmpeg import EncodeFailed
from libs.observability import tracing
from libs.observability.trace_export import start_exporting
from libs.queue.client import ReceivedMessage
from tests.support.api import Api, nothing_changes, put, upload_fields
from tests.support.clips import make_clip
from tests.support.collector import Collector, Exported
from tests.support.handling import handler_of
from tests.support.queue import purge_queue
from tests.support.stack import Stack
from tests.support.uploading import VIDEOS, complete, status_of, store_file
from tests.support.video_files import clip
from tests.support.videos import Pipeline, messages_of
from tests.support.waiting import wait_until

in_database = pytest.mark.django_db(transaction=True)
CLICKED = "b7ad6b7169203331"


def new_place() -> str:
    return f"00-{uuid.uuid4().hex}-{CLICKED}-01"


class TestOfARunningInstallation:
    def test_an_upload_is_one_trace_from_the_click_to_ready_and_a_retry_is_another(
        self, stack: Stack, collector: Collector, tmp_path: Path
    ) -> None:
        click, again = new_place(), new_place()
        with httpx.Client(base_url=stack.base_url, headers=dict(stack.http.headers), trust_env=False) as browser:
            browser.headers["traceparent"] = click
            stored = store_file(browser, make_clip(tmp_path / "a.mp4", seconds=1), title="추적")
            job_id = complete(browser, stored.video_id).json()["job_id"]
        video = f"{VIDEOS}{stored.video_id}/"
        wait_until(lambda: status_of(stack.http, stored.video_id) == "READY", timeout_seconds=60, message="READY")
        spans = collector.trace(
            tracing.trace_id_of(click), "process job", "send academy-video-jobs", "upload/complete/"
        )

        init, accepted = spans[f"POST {VIDEOS[1:]}upload/init/"], spans[_route(spans, "upload/complete/")]
        sent, attempt = spans["send academy-video-jobs"], spans["process job"]
        assert [(span.service, span.kind, span.parent_id) for span in (init, accepted, sent, attempt)] == [
            ("academy-api", "server", CLICKED),
            ("academy-api", "server", CLICKED),
            ("academy-api", "producer", accepted.span_id),
            ("academy-worker", "consumer", accepted.span_id),
        ]
        steps = ("probe and plan", "encode chunk", "take pictures", "package", "publish")
        assert {spans[name].parent_id for name in steps} == {attempt.span_id}
        assert (accepted.attributes["video_id"], accepted.attributes["job_id"]) == (stored.video_id, job_id)
        assert (attempt.attributes["job_id"], attempt.attributes["outcome"]) == (job_id, "job_succeeded")
        assert accepted.attributes["http.response.status_code"] == 200
        # What lies between the two is the time in the queue.
        assert sent.started_ns <= attempt.started_ns <= attempt.ended_ns
        assert f'"trace_id": "{tracing.trace_id_of(click)}"' in _line(stack.log("worker-1"), "attempt_finished", job_id)

        retried = stack.http.post(f"{video}retry/", headers={"traceparent": again}).json()["job_id"]
        spans = collector.trace(tracing.trace_id_of(again), "process job", "send academy-video-jobs", "retry/")
        assert spans["send academy-video-jobs"].service == "academy-relay"
        assert spans["process job"].parent_id == spans[_route(spans, "retry/")].span_id
        assert spans["process job"].attributes["job_id"] == retried
        assert not any(b"X-Amz-" in received.body for received in collector.received)


def _route(spans: dict[str, Exported], end: str) -> str:
    return next(name for name in spans if name.endswith(end))


def _line(log: str, event: str, job_id: str) -> str:
    return next(line for line in log.splitlines() if f'"{event}"' in line and job_id in line)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@in_database
class TestOfAProcessThatExportsNothing:
    @pytest.mark.usefixtures("s3_engine", "sqs_engine")
    def test_the_callers_place_is_in_the_rows_and_on_the_message(self) -> None:
        """To a worker that does export: an api that does not has not cut the trace."""
        purge_queue()
        api, click, done = Api(Tenant.objects.create(code="demo", name="데모")), new_place(), new_place()
        body = clip()
        ticket = api.post("upload/init/", upload_fields(size_bytes=len(body)), traceparent=click).json()
        assert put(ticket, body) == 200
        assert api.complete(ticket["video"]["id"], traceparent=done).status_code == 200

        video = Video.objects.across_tenants().select_related("upload", "current_job").get()
        assert (video.upload.traceparent, _job_of(video).traceparent) == (click, done)
        (received,) = wiring.job_queue().receive(
            queue_name=settings.VIDEO_SQS_QUEUE_NAME, max_messages=10, wait_seconds=5, visibility_seconds=0
        )
        assert received.traceparent == done

    def test_a_place_that_is_none_changes_no_answer(self, s3_engine: None) -> None:
        api = Api(Tenant.objects.create(code="demo", name="데모"))
        answer = api.post("upload/init/", upload_fields(), traceparent="00-none")
        assert answer.status_code == 201
        assert Video.objects.across_tenants().select_related("upload").get().upload.traceparent == ""
        with nothing_changes():
            assert api.post("upload/init/", {}, traceparent=new_place()).status_code == 400

    def test_an_upload_whose_browser_is_gone_goes_on_in_its_trace(self, pipeline: Pipeline) -> None:
        click = new_place()
        with tracing.span("request", parent=click):
            video = pipeline.pending()
        pipeline.put(video)
        _make_due(pipeline, video)
        run_once(pipeline.world, invariants=[ArrivedUploadIsCompleted()])
        assert pipeline.job_of(video).traceparent == click

    def test_every_message_and_every_attempt_of_a_job_is_of_its_trace(self, pipeline: Pipeline) -> None:
        click = new_place()
        with tracing.span("request", parent=click):
            video = pipeline.uploaded()
        assert pipeline.claim(video).traceparent == click
        pipeline.retry_later(pipeline.claim_of(pipeline.job_of(video)))
        drain_once(queue=pipeline.sender, clock=pipeline.clock)
        assert [message.traceparent for message in messages_of(pipeline.job_of(video))] == [click, click]
        assert {message.traceparent for message in pipeline.sender.sent} == {click}


@dataclass
class Failing:
    """Ends every attempt with a failure that quotes a signed URL."""

    def run(
        self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput:
        raise EncodeFailed(
            cause_code="INPUT_TRUNCATED", detail="https://s3.invalid/?X-Amz-Signature=secret", is_files_fault=True
        )


@in_database
class TestOfAWorker:
    @pytest.fixture
    def own_collector(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
        with Collector() as listening:
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listening.url)
            stop = start_exporting(service_name="academy-worker")
            yield listening
            stop()

    def test_an_attempt_is_of_its_jobs_trace_and_refers_to_the_message_of_another(
        self, pipeline: Pipeline, own_collector: Collector, tmp_path: Path, sqs_engine: None
    ) -> None:
        """A message is a wake-up: the job that it names need not be the one whose turn it is."""
        click, message = new_place(), new_place()
        with tracing.span("request", parent=click):
            video = pipeline.uploaded()
        handler = handler_of(Failing(), work_folder=tmp_path)
        handler.handle(
            ReceivedMessage(
                message_id="1",
                body=pipeline.message(video).to_json(),
                receipt_handle="none",
                receive_count=1,
                traceparent=message,
            )
        )

        attempt = own_collector.trace(tracing.trace_id_of(click), "process job")["process job"]
        assert attempt.links == (tracing.trace_id_of(message),)
        assert (attempt.attributes["error.type"], attempt.attributes["outcome"]) == ("INPUT_TRUNCATED", "job_failed")
        assert (attempt.has_failed, attempt.status_text) == (True, "INPUT_TRUNCATED")
        assert not any(b"secret" in received.body for received in own_collector.received)


def _job_of(video: Video) -> VideoTranscodeJob:
    assert video.current_job is not None
    return video.current_job


def _make_due(pipeline: Pipeline, video: Video) -> None:
    upload: Any = pipeline.upload_of(video)
    type(upload).objects.for_tenant(pipeline.tenant).filter(pk=upload.pk).update(next_check_at=pipeline.clock.now())
