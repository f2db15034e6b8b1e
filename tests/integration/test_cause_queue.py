"""To whoever asks why between an accepted upload and its end: each cause of the line, the claim and the records."""

import json
import re
from collections.abc import Callable

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from pytest_django import Settings

from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.relay import drain_once
from apps.support.video import wiring
from apps.support.video.domain.causes import Cause, Verdict
from apps.support.video.domain.errors import EnqueueFailed, JobSettled
from apps.support.video.models import Video
from apps.support.video.recovery.dead_letters import DeadLettersAreSettled
from apps.support.video.recovery.outputs import PublishedOutputIsThere
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.recovery.wired import wired_world
from apps.support.video.services.fleet import record_beat
from apps.support.video.services.transcode import hand_back_job
from libs.clock import SystemClock
from tests.support.api import Api
from tests.support.causes import assert_told, makes
from tests.support.queue import empty
from tests.support.videos import Pipeline, set_back

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("s3_engine")]

JOB_QUEUE, DLQ = str(configured.VIDEO_SQS_QUEUE_NAME), str(configured.VIDEO_SQS_DLQ_NAME)
ACTIVE, ENDED = ["cancel", "download"], ["retry", "download"]


@pytest.fixture
def pipeline(sqs_engine: None) -> Pipeline:
    """Rows made by the services, their messages in a real queue."""
    empty(JOB_QUEUE, DLQ)
    pipeline = Pipeline(clock=SystemClock())
    pipeline.queue = wiring.video_queue()
    return pipeline


@pytest.fixture
def api(pipeline: Pipeline) -> Api:
    return Api(pipeline.tenant)


@pytest.fixture
def video(pipeline: Pipeline) -> Video:
    return pipeline.uploaded()


@makes(Cause.ENQUEUE_PENDING, Cause.ENQUEUE_FAILING)
def test_the_queue_takes_no_messages(
    pipeline: Pipeline, api: Api, settings: Settings, rewire: Callable[[], None], cause: Cause
) -> None:
    settings.SQS_ENDPOINT_URL = "http://127.0.0.1:1"
    rewire()
    video = pipeline.pending()
    pipeline.put(video)
    pipeline.queue = wiring.video_queue()
    with pytest.raises(EnqueueFailed):
        pipeline.complete(video)
    if cause is Cause.ENQUEUE_FAILING:
        set_back(OutboxMessage.objects.get(), seconds=61, fields=["created_at"])
    assert_told(video, cause, by=api, actions=ACTIVE)


@makes(Cause.QUEUE_WAITING)
def test_all_workers_are_busy(video: Video, api: Api, cause: Cause) -> None:
    record_beat(worker_id="worker-a")
    told = assert_told(video, cause, by=api, actions=ACTIVE)
    assert told["position_in_line"] == 1


@makes(Cause.QUEUE_NO_CONSUMER)
def test_no_worker_runs(video: Video, api: Api, cause: Cause) -> None:
    assert_told(video, cause, by=api, actions=ACTIVE)


@makes(Cause.QUEUE_NO_CONSUMER)
def test_no_worker_takes_over_from_one_that_was_stopped(
    pipeline: Pipeline, video: Video, api: Api, cause: Cause
) -> None:
    """To the operator who scaled down to nothing: the job does not go on by itself."""
    hand_back_job(claim=pipeline.claim(video))
    drain_once(queue=wiring.job_queue(), clock=pipeline.clock)
    told = assert_told(video, cause, by=api, actions=ACTIVE)
    assert (told["inner_cause_code"], told["position_in_line"]) == ("WORKER_SHUTDOWN", 1)
    assert {"queue", "fleet"} <= {piece["source"] for piece in told["evidence"]}


@makes(Cause.QUEUE_TENANT_CAPPED)
def test_the_tenant_runs_as_many_as_it_may(
    pipeline: Pipeline, video: Video, api: Api, settings: Settings, cause: Cause
) -> None:
    settings.VIDEO_TENANT_RUNNING_LIMIT = 1
    pipeline.claim(video)
    assert_told(pipeline.uploaded(), cause, by=api, actions=ACTIVE)


@makes(Cause.QUEUE_MESSAGE_LOST)
def test_the_queue_loses_its_messages(video: Video, api: Api, cause: Cause) -> None:
    record_beat(worker_id="worker-a")
    empty(JOB_QUEUE)
    set_back(OutboxMessage.objects.get(), seconds=11, fields=["created_at", "sent_at"])
    assert_told(video, cause, by=api, actions=ACTIVE)


@makes(Cause.DLQ_EXHAUSTED)
def test_the_queue_gives_up(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    wiring.job_queue().send_message(queue_name=DLQ, message=pipeline.message(video).to_json())
    run_once(wired_world(), invariants=[DeadLettersAreSettled()])
    told = assert_told(video, cause, by=api, actions=ACTIVE)
    assert told["inner_cause_code"] == "ENQUEUE_PENDING"


@makes(Cause.CLAIM_HELD)
def test_a_forced_retry_waits_for_the_old_worker(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    pipeline.claim(video)
    assert api.post(f"{video.pk}/retry/", {"force": True}).status_code == 202
    assert_told(video, cause, by=api, actions=ACTIVE)


@makes(Cause.ENCODING)
def test_a_worker_is_at_it(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    pipeline.claim(video)
    told = assert_told(video, cause, by=api, actions=ACTIVE)
    assert told["holder"] == "worker:worker-a"


@makes(Cause.WORKER_LOST)
def test_a_worker_dies(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    pipeline.claim(video)
    set_back(pipeline.job_of(video), seconds=61, fields=["lease_until"])
    assert_told(video, cause, by=api, actions=ACTIVE)


@makes(Cause.POISON_WORKER_CRASH)
def test_every_worker_that_takes_it_dies(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    for _ in range(pipeline.job_of(video).max_attempts):
        pipeline.claim(video)
        set_back(pipeline.job_of(video), seconds=61, fields=["lease_until"])
    with pytest.raises(JobSettled):
        pipeline.claim(video)
    assert_told(video, cause, by=api, actions=ENDED)


@makes(Cause.WORKER_LOST)
def test_a_worker_dies_after_failures_of_another_kind(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    """To the operator: an outage of storage is no reason to look for poison in the file."""
    for _ in range(pipeline.job_of(video).max_attempts - 1):
        pipeline.retry_later(pipeline.claim(video), cause_code="STORAGE_UNAVAILABLE")
        set_back(pipeline.job_of(video), seconds=3600, fields=["next_attempt_at"])
    pipeline.claim(video)
    set_back(pipeline.job_of(video), seconds=61, fields=["lease_until"])
    with pytest.raises(JobSettled):
        pipeline.claim(video)
    assert_told(video, cause, by=api, actions=ENDED, severity=Verdict.FAILED)


@makes(Cause.CANCELLED)
def test_a_person_cancels(video: Video, api: Api, cause: Cause) -> None:
    assert api.post(f"{video.pk}/cancel/").status_code == 202
    assert_told(video, cause, by=api, actions=ENDED)


@makes(Cause.READY)
def test_it_can_be_watched(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    pipeline.publish(pipeline.claim(video))
    assert_told(video, cause, by=api, actions=["play", *ENDED])


@makes(Cause.PLAYBACK_OBJECT_MISSING)
def test_what_was_published_is_gone_from_storage(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    """Output and source alike: the real bucket has never had them."""
    pipeline.publish(pipeline.claim(video))
    set_back(pipeline.fresh(video), seconds=2 * 3600, fields=["playback_check_at"])
    run_once(wired_world(), invariants=[PublishedOutputIsThere()])
    told = assert_told(video, cause, by=api, actions=ENDED, severity=Verdict.FAILED)
    assert told["next_step_code"] == "new_upload"


@makes(Cause.STATE_DRIFT)
def test_a_row_is_lost(pipeline: Pipeline, video: Video, api: Api, cause: Cause) -> None:
    """As a backup that is older than the rest would leave it."""
    Video.objects.for_tenant(pipeline.tenant).update(current_job=None)
    assert_told(video, cause, by=api, actions=ENDED)


@makes(Cause.DELETED)
def test_a_deleted_video_is_told_of_to_the_operator_alone(
    video: Video, api: Api, capsys: pytest.CaptureFixture[str], cause: Cause
) -> None:
    assert api.delete(f"{video.pk}/").status_code == 204
    assert api.get(f"{video.pk}/why/").status_code == 404
    for language, is_korean in (("ko", True), ("en", False)):
        with pytest.raises(SystemExit) as end:
            call_command("video", "why", str(video.pk), "--json", "--language", language)
        printed = capsys.readouterr().out
        (told,) = json.loads(printed[printed.index("{") :])["rows"]
        assert (end.value.code, told["cause_code"], told["severity"]) == (0, cause, "ok")
        assert (re.search("[가-힣]", told["verdict"]) is not None) is is_korean
