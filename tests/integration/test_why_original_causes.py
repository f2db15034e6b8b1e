"""
To whoever runs this: each cause for which an upload once did not reach the queue, made to happen, and found again.

The row, the HTTP answer, the code that `why` gives, and the log line. Database, storage and queue are real. Two causes
no call can bring about at will: credentials that end between HEAD and signing, and the refused precondition.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from django.db import transaction
from pytest_django import Settings

from apps.api.exception_handler import STATUS_OF
from apps.core.models import Tenant
from apps.support.outbox.models import OutboxMessage
from apps.support.video import wiring
from apps.support.video.domain.errors import JobPreconditionFailed, PresignedGetFailed
from apps.support.video.domain.ports import ObjectStorage
from apps.support.video.models import Video, VideoTranscodeJob
from apps.support.video.services.ingest import complete_upload
from libs.s3_client.client import StorageDenied
from tests.support.api import Api, nothing_changes
from tests.support.queue import purge_queue, waiting_bodies
from tests.support.video_files import clip
from tests.support.videos import set_back

pytestmark = pytest.mark.django_db

CLOSED_PORT = "http://127.0.0.1:1"
UNSENT = {"VIDEO_UPLOAD_ENQUEUE_FAILED", "enqueue_by_job exception", "Failed to enqueue video job"}


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@pytest.fixture
def api(tenant: Tenant, s3_engine: None, sqs_engine: None) -> Iterator[Api]:
    purge_queue()
    yield Api(tenant)
    wiring.storage().delete_prefix(f"tenants/{tenant.pk}/")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(record.getMessage() for record in caplog.records)


def status_of(video_id: int) -> str:
    return Video.objects.across_tenants().get(pk=video_id).status


def cause_of(api: Api, video_id: int) -> str:
    answer = api.get(f"{video_id}/why/")
    assert answer.status_code == 200
    return str(answer.json()["cause_code"])


def test_1_upload_complete_is_not_called(api: Api, lines: Callable[[], str]) -> None:
    video_id = api.upload(clip())

    assert status_of(video_id) == "PENDING"
    assert cause_of(api, video_id) == "UPLOAD_COMPLETE_NOT_CALLED"
    assert waiting_bodies() == []
    assert "enqueue to SQS" not in lines()


def test_2_the_status_is_not_pending_any_more(api: Api, lines: Callable[[], str]) -> None:
    video_id = api.upload(clip())
    assert api.complete(video_id).status_code == 200
    assert f"Video {video_id} enqueue to SQS" in lines()

    with nothing_changes():
        answer = api.complete(video_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_status")
    assert status_of(video_id) == "UPLOADED"
    assert cause_of(api, video_id) in {"QUEUE_WAITING", "QUEUE_NO_CONSUMER"}
    assert lines().count(f"Video {video_id} enqueue to SQS") == 1
    assert len(waiting_bodies()) == 1


def test_3_storage_has_no_object(api: Api, lines: Callable[[], str]) -> None:
    video_id = api.init(clip())["video"]["id"]

    with nothing_changes():
        answer = api.complete(video_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "source_not_found_or_empty")
    assert status_of(video_id) == "PENDING"
    assert cause_of(api, video_id) == "UPLOAD_WAITING"
    assert "source_not_found_or_empty" in lines()


class Unsigning:
    """The real storage, whose credentials run out between its HEAD and the signing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(wiring.storage(), name)

    def presign_get(self, key: str, *, expires_seconds: float) -> str:
        raise StorageDenied(f"no credentials to sign {key} for {expires_seconds:.0f} s")


def test_4_no_url_to_read_it_can_be_signed(
    api: Api, tenant: Tenant, settings: Settings, rewire: Callable[[], None], lines: Callable[[], str]
) -> None:
    video_id = api.upload(clip())

    with nothing_changes(), pytest.raises(PresignedGetFailed) as refused:
        complete_upload(
            tenant=tenant,
            video_id=video_id,
            actor="test",
            storage=cast("ObjectStorage", Unsigning()),
            prober=wiring.request_prober(),
            queue=wiring.video_queue(),
            clock=wiring.clock(),
        )
    assert (refused.value.code, STATUS_OF["presigned_get_failed"]) == ("presigned_get_failed", 409)
    assert cause_of(api, video_id) == "UPLOAD_COMPLETE_NOT_CALLED"

    # Signing asks nobody: where storage cannot be reached at all, the HEAD before it says so.
    settings.S3_ENDPOINT_URL = CLOSED_PORT
    rewire()
    with nothing_changes():
        answer = api.complete(video_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert status_of(video_id) == "PENDING"
    assert cause_of(api, video_id) == "STORAGE_UNAVAILABLE"
    assert "storage_unavailable" in lines()
    assert waiting_bodies() == []


def test_5_the_queue_does_not_take_the_message(
    api: Api, settings: Settings, rewire: Callable[[], None], lines: Callable[[], str]
) -> None:
    video_id = api.upload(clip())
    settings.SQS_ENDPOINT_URL = CLOSED_PORT
    rewire()

    answer = api.complete(video_id)

    assert (answer.status_code, answer.json()["code"]) == (503, "VIDEO_UPLOAD_ENQUEUE_FAILED")
    assert status_of(video_id) == "UPLOADED"
    assert cause_of(api, video_id) == "ENQUEUE_PENDING"
    set_back(OutboxMessage.objects.get(), seconds=61, fields=["created_at"])
    assert cause_of(api, video_id) == "ENQUEUE_FAILING"
    said = lines()
    assert {line for line in UNSENT if line in said} == UNSENT


def test_6_the_status_is_not_uploaded_when_the_job_is_made(api: Api, lines: Callable[[], str]) -> None:
    """No call leads there: `complete` has just written UPLOADED. The guard is asked itself."""
    video_id = api.upload(clip())
    video = Video.objects.across_tenants().get(pk=video_id)

    with nothing_changes(), pytest.raises(JobPreconditionFailed) as refused, transaction.atomic():
        wiring.video_queue().create_job_and_enqueue(video, actor="test")

    assert refused.value.code == "job_precondition_failed"
    assert not VideoTranscodeJob.objects.across_tenants().exists()
    assert status_of(video_id) == "PENDING"
    assert cause_of(api, video_id) == "UPLOAD_COMPLETE_NOT_CALLED"
    assert "job_precondition_failed" in lines()
