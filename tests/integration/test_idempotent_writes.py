"""Promises to clients whose line breaks: every write of the pipeline may be repeated under one Idempotency-Key."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from apps.core.models import IdempotencyRecord, Tenant
from apps.support.video import wiring
from apps.support.video.domain.contracts import TranscodeMessage
from apps.support.video.models import Video, VideoEvent, VideoTranscodeJob
from apps.support.video.services.transcode import claim_job, fail_job
from libs.s3_client.client import S3Storage
from tests.support.api import Api, nothing_changes, upload_fields
from tests.support.parts import MIB
from tests.support.queue import purge_queue, waiting_bodies
from tests.support.video_files import clip

CALLS = 4


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@pytest.fixture
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


@pytest.fixture
def api(tenant: Tenant, storage: S3Storage, sqs_engine: None) -> Iterator[Api]:
    purge_queue()
    yield Api(tenant)
    for upload in storage.list_multiparts("tenants/"):
        storage.abort_multipart(upload.key, upload_id=upload.upload_id)
    storage.delete_prefix("tenants/")


def failed_video(api: Api) -> int:
    video_id = api.upload(clip())
    assert api.complete(video_id).status_code == 200
    (body,) = waiting_bodies()
    claim = claim_job(message=TranscodeMessage.parse(body), worker_id="worker-a", lease_seconds=60)
    fail_job(claim=claim, cause_code="INPUT_MALFORMED", detail="broken")
    return video_id


class Write:
    """One of the pipeline's writes: what it needs, how it is called, and what it leaves behind once."""

    def __init__(
        self, method: str, path: str, prepare: Callable[[Api], int], *, status: int, body: Any = None, other: Any
    ) -> None:
        self.method, self.path, self.prepare, self.status = method, path, prepare, status
        self.body, self.other = body, other

    def call(self, api: Api, video_id: int, body: Any) -> Any:
        return api.send(self.method, self.path.format(video_id), body, Idempotency_Key="once")


WRITES = {
    "init": Write(
        "POST",
        "upload/init/",
        lambda _: 0,
        status=201,
        body=upload_fields(size_bytes=20 * MIB),
        other=upload_fields(size_bytes=20 * MIB, title="2강"),
    ),
    "complete": Write(
        "POST",
        "{}/upload/complete/",
        lambda api: api.upload(clip()),
        status=200,
        other={"checksum_crc64nvme": "AAAAAAAAAAA="},
    ),
    "retry": Write("POST", "{}/retry/", failed_video, status=202, other={"why": "again"}),
    "delete": Write("DELETE", "{}/", lambda api: api.upload(clip()), status=204, other={"why": "again"}),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


def left_behind(tenant: Tenant) -> dict[str, int]:
    """Return what a write that was done twice would leave twice."""
    return {
        "videos": Video.objects.for_tenant(tenant).count(),
        "jobs": VideoTranscodeJob.objects.for_tenant(tenant).count(),
        "events": VideoEvent.objects.for_tenant(tenant).count(),
    }


def together(call: Callable[[], Any]) -> list[Any]:
    barrier = Barrier(CALLS)

    def run(_: int) -> Any:
        barrier.wait(timeout=20)
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CALLS) as pool:
        return list(pool.map(run, range(CALLS)))


@every_write
@pytest.mark.django_db
def test_a_repeat_gets_the_same_answer_and_does_nothing(api: Api, write: Write) -> None:
    video_id = write.prepare(api)
    first = write.call(api, video_id, write.body)
    with nothing_changes():
        again = write.call(api, video_id, write.body)
    assert (first.status_code, again.status_code) == (write.status, write.status)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"


@every_write
@pytest.mark.django_db
def test_the_same_key_with_another_body_is_422_and_does_nothing(api: Api, write: Write) -> None:
    video_id = write.prepare(api)
    assert write.call(api, video_id, write.body).status_code == write.status
    with nothing_changes():
        refused = write.call(api, video_id, write.other)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


@every_write
@pytest.mark.django_db(transaction=True)
def test_duplicates_at_the_same_moment_get_one_answer_and_are_done_once(
    api: Api, tenant: Tenant, storage: S3Storage, write: Write
) -> None:
    video_id = write.prepare(api)
    before = left_behind(tenant)
    answers = together(lambda: write.call(api, video_id, write.body))
    assert {answer.status_code for answer in answers} == {write.status}
    assert len({answer.content for answer in answers}) == 1
    grown = {name: count - before[name] for name, count in left_behind(tenant).items()}
    assert (
        grown
        == {
            "init": {"videos": 1, "jobs": 0, "events": 1},
            "complete": {"videos": 0, "jobs": 1, "events": 2},
            "retry": {"videos": 0, "jobs": 1, "events": 1},
            "delete": {"videos": 0, "jobs": 0, "events": 1},
        }[next(name for name, each in WRITES.items() if each is write)]
    )
    assert len(list(storage.list_multiparts(f"tenants/{tenant.pk}/"))) == (1 if write is WRITES["init"] else 0)


@pytest.mark.django_db
class TestAnInitThatDiedBeforeItsAnswerWasKept:
    """To the uploader: the repeat goes on with the upload that was made, and makes no second one."""

    def test_the_repeat_finds_the_upload(self, api: Api, tenant: Tenant, storage: S3Storage) -> None:
        write = WRITES["init"]
        first = write.call(api, 0, write.body).json()
        IdempotencyRecord.objects.across_tenants().all().delete()
        again = write.call(api, 0, write.body)
        assert (again.status_code, again.json()["video"]["id"]) == (201, first["video"]["id"])
        assert again.json()["file_key"] == first["file_key"]
        assert Video.objects.for_tenant(tenant).count() == 1
        assert len(list(storage.list_multiparts(f"tenants/{tenant.pk}/"))) == 1

    def test_another_file_under_its_key_is_refused(self, api: Api, tenant: Tenant) -> None:
        write = WRITES["init"]
        write.call(api, 0, write.body)
        IdempotencyRecord.objects.across_tenants().all().delete()
        refused = write.call(api, 0, write.other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert Video.objects.for_tenant(tenant).count() == 1

    def test_another_tenants_key_is_another_key(self, api: Api) -> None:
        write = WRITES["init"]
        other = Api(Tenant.objects.create(code="other", name="다른 학원"))
        first, second = (write.call(caller, 0, write.body).json() for caller in (api, other))
        assert first["video"]["id"] != second["video"]["id"]

    def test_an_upload_that_was_given_up_is_not_gone_on_with(self, api: Api) -> None:
        write = WRITES["init"]
        first = write.call(api, 0, write.body).json()["video"]["id"]
        api.post(f"{first}/upload/multipart/abort/")
        IdempotencyRecord.objects.across_tenants().all().delete()
        assert write.call(api, 0, write.body).json()["video"]["id"] != first
