"""Promises to whoever uploads gigabytes over a bad line: over the real API, storage, prober and queue."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connections
from pytest_django import DjangoAssertNumQueries, Settings

from apps.core.models import Tenant
from apps.support.video import wiring
from apps.support.video.models import Video, VideoEvent, VideoTranscodeJob, VideoUpload
from apps.support.video.recovery.invariant import World
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.recovery.strays import StoredHasOwner
from apps.support.video.recovery.uploads import ArrivedUploadIsCompleted
from apps.support.video.recovery.wired import wired_world
from apps.support.video.services.announcing import init_upload
from apps.support.video.services.multipart import assemble
from libs.clock import FixedClock, SystemClock
from libs.s3_client.client import S3Storage
from tests.support.api import Api, nothing_changes, stored_keys, upload_fields
from tests.support.parts import (
    MIB,
    PART_BYTES,
    crc,
    crc32,
    large_clip,
    let_the_second_pass,
    numbers_of,
    part_of,
    send_parts,
    sign,
    stored,
)
from tests.support.queue import purge_queue, waiting_bodies

pytestmark = pytest.mark.django_db

CRC64NVME_HEADER = "x-amz-checksum-crc64nvme"
CRC32_HEADER = "x-amz-checksum-crc32"
SIZE_BYTES = 17 * MIB
NUMBERS = [1, 2, 3]


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
    prefix = f"tenants/{tenant.pk}/"
    for upload in storage.list_multiparts(prefix):
        storage.abort_multipart(upload.key, upload_id=upload.upload_id)
    storage.delete_prefix(prefix)


@pytest.fixture
def body() -> bytes:
    return large_clip(SIZE_BYTES)


@pytest.fixture
def video_id(api: Api, body: bytes) -> int:
    return int(api.init(body)["video"]["id"])


def upload_of(video_id: int) -> VideoUpload:
    return VideoUpload.objects.across_tenants().get(video_id=video_id)


def event_names(video_id: int) -> list[str]:
    events = VideoEvent.objects.across_tenants().filter(video_id=video_id).order_by("id")
    return list(events.values_list("name", flat=True))


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["code"]) == (status, code), found
    assert found["detail"]
    assert found["hint"]
    return found


def world_at(**passed: float) -> World:
    """Return the real world, as it will be after some time."""
    return replace(wired_world(), clock=FixedClock(SystemClock().now() + timedelta(**passed)))


def open_parts(storage: S3Storage, tenant: Tenant) -> list[str]:
    return [upload.upload_id for upload in storage.list_multiparts(f"tenants/{tenant.pk}/")]


class TestInit:
    def test_a_large_file_gets_a_plan_of_equal_parts(self, api: Api, body: bytes) -> None:
        ticket = api.init(body)
        assert ticket["upload_url"] is None
        assert ticket["upload"] == {
            "strategy": "multipart",
            "method": "PUT",
            "headers": {},
            "part_size_bytes": PART_BYTES,
            "part_count": 3,
            "expires_at": ticket["upload"]["expires_at"],
            "checksum_algorithm": "CRC64NVME",
        }
        assert upload_of(ticket["video"]["id"]).deadline_at.isoformat() == ticket["upload"]["expires_at"].replace(
            "Z", "+00:00"
        )

    @pytest.mark.parametrize(("below", "strategy"), [(1, "single"), (0, "multipart")])
    def test_the_threshold_decides(self, api: Api, below: int, strategy: str) -> None:
        size_bytes = settings.VIDEO_MULTIPART_THRESHOLD_BYTES - below
        answer = api.post("upload/init/", upload_fields(size_bytes=size_bytes)).json()
        assert answer["upload"]["strategy"] == strategy
        assert (answer["upload_url"] is None) is (strategy == "multipart")

    def test_a_small_files_checksum_is_bound_to_its_url(self, api: Api) -> None:
        body = large_clip(100_000)
        ticket = api.init(body, checksum_crc64nvme=crc(body))
        headers = ticket["upload"]["headers"]
        assert headers[CRC64NVME_HEADER] == crc(body)
        damaged = bytes([body[0] ^ 1]) + body[1:]
        assert httpx.put(ticket["upload_url"], content=damaged, headers=headers, trust_env=False).status_code == 400
        assert httpx.put(ticket["upload_url"], content=body, headers=headers, trust_env=False).status_code == 200
        assert api.complete(ticket["video"]["id"]).status_code == 200

    @pytest.mark.parametrize("field", ["checksum_crc64nvme", "checksum_crc32"])
    @pytest.mark.parametrize("checksum", [None, 7, "x", "AAAAAAAAAAA", "AAAAAAAAAAAA", "AAAAAAA", "한" * 12])
    def test_what_is_no_checksum_is_refused(self, api: Api, field: str, checksum: object) -> None:
        answer = api.post("upload/init/", upload_fields(**{field: checksum}))
        assert refused(answer, 400, "invalid_request")["fields"].keys() == {field}

    def test_a_checksum_may_be_left_out_or_empty(self, api: Api) -> None:
        assert api.post("upload/init/", upload_fields(checksum_crc64nvme="")).status_code == 201

    def test_an_init_that_dies_leaves_parts_that_are_thrown_away(
        self, api: Api, tenant: Tenant, storage: S3Storage, video_id: int
    ) -> None:
        """To the operator: parts without a row are paid for until somebody notices."""
        owned = open_parts(storage, tenant)
        early, late = world_at(minutes=50), world_at(minutes=70)
        # What earlier tests of this file have left is found too.
        run_once(late, invariants=[StoredHasOwner()])
        storage.create_multipart(f"tenants/{tenant.pk}/video/raw/999/dead.mp4", content_type="video/mp4")
        assert run_once(early, invariants=[StoredHasOwner()])[0].found == 0
        assert run_once(late, invariants=[StoredHasOwner()])[0].repaired == 1
        assert open_parts(storage, tenant) == owned


class TestWhereStorageKnowsOnlyCrc32:
    """To whoever runs a store without CRC64NVME: their uploads are held to the same."""

    @pytest.fixture(autouse=True)
    def _crc32(self, settings: Settings) -> Iterator[None]:
        settings.S3_CHECKSUM_ALGORITHM = "CRC32"
        wiring.storage.cache_clear()
        yield
        wiring.storage.cache_clear()

    def test_the_ticket_names_it_and_a_small_files_url_binds_it(self, api: Api) -> None:
        body = large_clip(100_000)
        ticket = api.init(body, checksum_crc64nvme=crc(body), checksum_crc32=crc32(body))
        assert ticket["upload"]["checksum_algorithm"] == "CRC32"
        headers = ticket["upload"]["headers"]
        assert {name for name in headers if "checksum" in name} == {CRC32_HEADER}
        damaged = bytes([body[0] ^ 1]) + body[1:]
        assert httpx.put(ticket["upload_url"], content=damaged, headers=headers, trust_env=False).status_code == 400
        assert httpx.put(ticket["upload_url"], content=body, headers=headers, trust_env=False).status_code == 200
        assert api.complete(ticket["video"]["id"]).status_code == 200

    def test_a_damaged_part_and_another_files_parts_are_refused(self, api: Api, body: bytes) -> None:
        video_id = api.init(body)["video"]["id"]
        (part,) = sign(api, video_id, [3], body=body, checksum_of=crc32).json()["parts"]
        last = part_of(body, 3)
        assert part["headers"] == {CRC32_HEADER: crc32(last)}
        damaged = bytes([last[0] ^ 1]) + last[1:]
        sent = httpx.put(part["url"], content=damaged, headers=part["headers"], trust_env=False)
        assert sent.status_code == 400
        assert stored(api, video_id)["parts"] == []
        send_parts(api, video_id, body, checksum_of=crc32)
        wrong = {"checksum_crc32": crc32(b"another file")}
        assert refused(api.post(f"{video_id}/upload/complete/", wrong), 409, "upload_checksum_mismatch")
        assert upload_of(video_id).state == "PENDING"

    def test_what_is_told_at_the_end_is_compared(self, api: Api, body: bytes, storage: S3Storage) -> None:
        video_id = api.init(body)["video"]["id"]
        send_parts(api, video_id, body, checksum_of=crc32)
        told = {"checksum_crc32": crc32(body), "checksum_crc64nvme": crc(b"not asked for")}
        assert api.post(f"{video_id}/upload/complete/", told).status_code == 200
        assert storage.head(upload_of(video_id).file_key).checksums == {"CRC32": crc32(body)}

    def test_another_algorithms_part_checksums_are_refused(self, api: Api, body: bytes) -> None:
        video_id = api.init(body)["video"]["id"]
        found = refused(sign(api, video_id, [3], body=body, checksum_of=crc), 400, "invalid_part_checksums")
        assert found["checksum_algorithm"] == "CRC32"

    def test_an_upload_keeps_what_it_began_with(self, api: Api, body: bytes, settings: Settings) -> None:
        """To whoever changes the setting: uploads that are under way end as they began."""
        video_id = api.init(body)["video"]["id"]
        settings.S3_CHECKSUM_ALGORITHM = "CRC64NVME"
        wiring.storage.cache_clear()
        assert api.get(f"{video_id}/upload/").json()["upload"]["checksum_algorithm"] == "CRC32"
        send_parts(api, video_id, body, checksum_of=crc32)
        assert api.post(f"{video_id}/upload/complete/", {"checksum_crc32": crc32(body)}).status_code == 200


def test_where_storage_checks_nothing_only_the_length_is_bound(
    settings: Settings, api: Api, body: bytes, storage: S3Storage
) -> None:
    """To whoever runs a store without checksums: uploads work, and the operator has chosen so."""
    settings.S3_CHECKSUM_ALGORITHM = None
    wiring.storage.cache_clear()
    try:
        ticket = api.init(body)
        assert ticket["upload"]["checksum_algorithm"] is None
        video_id = ticket["video"]["id"]
        (part,) = api.post(f"{video_id}/upload/multipart/presign/", {"part_numbers": [3]}).json()["parts"]
        assert part["headers"] == {}
        assert httpx.put(part["url"], content=part_of(body, 3)[:-1], trust_env=False).status_code == 403
        send_parts(api, video_id, body)
        assert api.post(f"{video_id}/upload/complete/", {"checksum_crc64nvme": crc(body)}).status_code == 200
    finally:
        wiring.storage.cache_clear()


class TestPresign:
    def test_every_part_url_binds_length_and_checksum(self, api: Api, video_id: int, body: bytes) -> None:
        parts = sign(api, video_id, NUMBERS, body=body).json()["parts"]
        assert [(part["part_number"], part["size_bytes"]) for part in parts] == [
            (1, PART_BYTES),
            (2, PART_BYTES),
            (3, MIB),
        ]
        last = part_of(body, 3)
        damaged = bytes([last[0] ^ 1]) + last[1:]
        signed = parts[2]["headers"]
        assert signed == {CRC64NVME_HEADER: crc(last)}
        with httpx.Client(trust_env=False) as browser:
            assert browser.put(parts[2]["url"], content=damaged, headers=signed).status_code == 400
            assert browser.put(parts[2]["url"], content=last[:-1], headers=signed).status_code in {400, 403}
            assert browser.put(parts[1]["url"], content=last, headers=signed).status_code == 403
            assert stored(api, video_id)["parts"] == []
            assert browser.put(parts[2]["url"], content=last, headers=signed).status_code == 200

    def test_without_checksums_nothing_is_signed(self, api: Api, video_id: int) -> None:
        """To the uploader: no part can be damaged on its way and stay so, whichever client they use."""
        with nothing_changes():
            answer = api.post(f"{video_id}/upload/multipart/presign/", {"part_numbers": [3]})
        assert refused(answer, 400, "invalid_part_checksums")["checksum_algorithm"] == "CRC64NVME"

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({}, "part_numbers"),
            ({"part_numbers": []}, "part_numbers"),
            ({"part_numbers": [0]}, "part_numbers.0"),
            ({"part_numbers": [10_001]}, "part_numbers.0"),
            ({"part_numbers": [1.5]}, "part_numbers.0"),
            ({"part_numbers": ["1"]}, "part_numbers.0"),
            ({"part_numbers": [True]}, "part_numbers.0"),
            ({"part_numbers": [1, 1]}, "part_numbers"),
            ({"part_numbers": list(range(1, 102))}, "part_numbers"),
            ({"part_numbers": [1], "checksums": []}, "checksums"),
            ({"part_numbers": [1], "checksums": [""]}, "checksums.0"),
            ({"part_numbers": [1], "checksums": ["AAAAAAAAAAA=", "AAAAAAAAAAA="]}, "checksums"),
            ({"part_numbers": [1], "checksums": ["no"]}, "checksums.0"),
        ],
    )
    def test_bad_numbers_are_refused(self, api: Api, video_id: int, fields: dict[str, object], field: str) -> None:
        answer = api.post(f"{video_id}/upload/multipart/presign/", fields)
        assert list(refused(answer, 400, "invalid_request")["fields"]) == [field]

    def test_a_number_that_the_plan_does_not_have_is_refused(self, api: Api, video_id: int) -> None:
        assert refused(sign(api, video_id, [3, 4]), 400, "invalid_part_numbers")["part_count"] == 3

    def test_signing_postpones_the_look_into_storage(self, api: Api, video_id: int) -> None:
        """To the operator: storage is not asked about an upload whose browser is plainly at work."""
        before = upload_of(video_id).next_check_at
        sign(api, video_id, [1])
        after = upload_of(video_id).next_check_at
        assert before is not None
        assert after is not None
        assert after > before

    def test_a_hundred_parts_take_one_query_more_than_one(
        self, api: Api, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        large = api.post("upload/init/", upload_fields(size_bytes=2000 * MIB)).json()["video"]["id"]
        with django_assert_max_num_queries(8):
            answer = sign(api, large, range(1, 101))
        assert len(answer.json()["parts"]) == 100


@pytest.mark.parametrize("call", ["presign", "parts", "abort"])
class TestWhoMayNot:
    def ask(self, api: Api, video_id: int, call: str) -> Any:
        if call == "presign":
            return sign(api, video_id, [1])
        path = f"{video_id}/upload/multipart/{call}/"
        return api.get(path) if call == "parts" else api.post(path)

    def test_another_tenants_upload_does_not_exist(self, api: Api, video_id: int, call: str) -> None:
        other = Api(Tenant.objects.create(code="other", name="다른 학원"))
        with nothing_changes():
            refused(self.ask(other, video_id, call), 404, "not_found")

    def test_an_upload_of_one_put_has_no_parts(self, api: Api, call: str) -> None:
        single = api.init(b"x" * 1000)["video"]["id"]
        with nothing_changes():
            refused(self.ask(api, single, call), 409, "upload_not_multipart")

    def test_an_accepted_upload_is_over(self, api: Api, video_id: int, body: bytes, call: str) -> None:
        send_parts(api, video_id, body)
        assert api.complete(video_id).status_code == 200
        with nothing_changes():
            assert refused(self.ask(api, video_id, call), 409, "invalid_status")["status"] == "UPLOADED"

    def test_past_the_deadline_it_is_gone(self, api: Api, video_id: int, call: str) -> None:
        VideoUpload.objects.across_tenants().update(deadline_at=SystemClock().now())
        if call == "abort":
            assert self.ask(api, video_id, call).status_code == 204
            return
        with nothing_changes():
            refused(self.ask(api, video_id, call), 410, "upload_expired")


class TestParts:
    def test_storage_says_what_is_there(self, api: Api, video_id: int, body: bytes) -> None:
        send_parts(api, video_id, body, [3, 1])
        found = stored(api, video_id)
        assert (found["part_size_bytes"], found["part_count"], found["complete"]) == (PART_BYTES, 3, False)
        assert [(part["part_number"], part["size_bytes"]) for part in found["parts"]] == [(1, PART_BYTES), (3, MIB)]

    def test_a_part_that_is_sent_again_replaces_the_first(self, api: Api, video_id: int, body: bytes) -> None:
        send_parts(api, video_id, bytes(SIZE_BYTES), [3])
        let_the_second_pass()
        send_parts(api, video_id, body)
        assert len(stored(api, video_id)["parts"]) == 3
        answer = api.post(f"{video_id}/upload/complete/", {"checksum_crc64nvme": crc(body)})
        assert answer.status_code == 200

    def test_parts_that_became_an_object_are_only_to_be_completed(
        self, api: Api, video_id: int, body: bytes, storage: S3Storage
    ) -> None:
        """A process died between storage's answer and our commit."""
        send_parts(api, video_id, body)
        assemble(upload_of(video_id), storage=storage, checksum=None)
        assert stored(api, video_id) == {
            "part_size_bytes": PART_BYTES,
            "part_count": 3,
            "parts": [],
            "complete": True,
        }
        assert api.video(video_id)["status"] == "PENDING"
        assert api.complete(video_id).status_code == 200
        assert api.video(video_id)["status"] == "UPLOADED"

    def test_parts_that_storage_threw_away_need_another_upload(
        self, api: Api, video_id: int, storage: S3Storage
    ) -> None:
        upload = upload_of(video_id)
        storage.abort_multipart(upload.file_key, upload_id=upload.multipart_upload_id)
        refused(api.get(f"{video_id}/upload/multipart/parts/"), 410, "upload_expired")
        refused(api.complete(video_id), 409, "source_not_found_or_empty")


class TestDescription:
    def test_a_client_that_comes_back_learns_how_to_go_on(self, api: Api, body: bytes) -> None:
        ticket = api.init(body)
        found = api.get(f"{ticket['video']['id']}/upload/").json()
        assert found["upload"] == ticket["upload"]
        assert "upload_url" not in found
        assert api.get(status="PENDING").json()["results"][0]["id"] == ticket["video"]["id"]

    def test_an_upload_that_is_over_cannot_go_on(self, api: Api, video_id: int, body: bytes) -> None:
        send_parts(api, video_id, body)
        api.complete(video_id)
        refused(api.get(f"{video_id}/upload/"), 409, "invalid_status")


class TestComplete:
    def test_all_parts_become_a_video(self, api: Api, video_id: int, body: bytes, storage: S3Storage) -> None:
        send_parts(api, video_id, body)
        answer = api.post(f"{video_id}/upload/complete/", {"checksum_crc64nvme": crc(body)})
        assert (answer.status_code, answer.json()["verification"]) == (200, "verified")
        upload = upload_of(video_id)
        head = storage.head(upload.file_key)
        assert (head.size_bytes, head.checksums["CRC64NVME"]) == (SIZE_BYTES, crc(body))
        assert (upload.etag, upload.multipart_upload_id) == (head.etag, "")
        assert upload.media_facts["video"]["codec"] == "h264"
        assert len(waiting_bodies()) == 1

    def test_missing_parts_are_named(self, api: Api, video_id: int, body: bytes) -> None:
        send_parts(api, video_id, body, [2])
        with nothing_changes():
            found = refused(api.complete(video_id), 409, "upload_incomplete")
        assert (found["missing_parts"], found["missing_part_count"]) == ([1, 3], 2)
        assert (found["stored_bytes"], found["declared_bytes"]) == (PART_BYTES, SIZE_BYTES)

    def test_of_many_missing_parts_the_first_hundred_are_named(self, api: Api) -> None:
        large = api.post("upload/init/", upload_fields(size_bytes=2000 * MIB)).json()["video"]["id"]
        found = refused(api.complete(large), 409, "upload_incomplete")
        assert (found["missing_parts"], found["missing_part_count"]) == (list(range(1, 101)), 250)

    def test_another_files_parts_are_not_taken(self, api: Api, body: bytes, storage: S3Storage) -> None:
        """To the uploader: a file that changed while it was sent does not become a video full of bad data."""
        video_id = api.init(body, checksum_crc64nvme=crc(body))["video"]["id"]
        other = bytes([body[0] ^ 1]) + body[1:]
        send_parts(api, video_id, other)
        refused(api.complete(video_id), 409, "upload_checksum_mismatch")
        assert api.video(video_id)["status"] == "PENDING"
        let_the_second_pass()
        send_parts(api, video_id, body, [1])
        assert api.complete(video_id).status_code == 200

    def test_a_checksum_told_at_the_end_counts_from_then_on(self, api: Api, video_id: int, body: bytes) -> None:
        """To the uploader: what their own browser calls damaged is not completed behind their back."""
        send_parts(api, video_id, body)
        wrong = {"checksum_crc64nvme": crc(b"another file")}
        refused(api.post(f"{video_id}/upload/complete/", wrong), 409, "upload_checksum_mismatch")
        refused(api.complete(video_id), 409, "upload_checksum_mismatch")
        run_once(world_at(minutes=5), invariants=[ArrivedUploadIsCompleted()])
        assert api.video(video_id)["status"] == "PENDING"
        run_once(world_at(days=8), invariants=[ArrivedUploadIsCompleted()])
        assert api.video(video_id)["status"] == "EXPIRED"

    def test_a_repeat_after_a_lost_answer_gets_the_same_answer(self, api: Api, video_id: int, body: bytes) -> None:
        send_parts(api, video_id, body)
        first = api.complete(video_id, Idempotency_Key="k1")
        second = api.complete(video_id, Idempotency_Key="k1")
        assert (first.status_code, first.json()) == (200, second.json())
        refused(api.post(f"{video_id}/upload/complete/", {"checksum_crc64nvme": crc(body)}, Idempotency_Key="k1"),
                422, "idempotency_key_reused")  # fmt: skip


class TestAbort:
    def test_parts_are_thrown_away_and_the_video_is_over(
        self, api: Api, video_id: int, body: bytes, storage: S3Storage, tenant: Tenant
    ) -> None:
        send_parts(api, video_id, body, [1])
        (part,) = sign(api, video_id, [3], body=body).json()["parts"]
        assert api.post(f"{video_id}/upload/multipart/abort/").status_code == 204
        assert api.video(video_id)["status"] == "EXPIRED"
        assert event_names(video_id) == ["upload_started", "upload_expired"]
        assert open_parts(storage, tenant) == []
        late = httpx.put(part["url"], content=part_of(body, 3), headers=part["headers"], trust_env=False)
        assert late.status_code == 404
        assert api.post(f"{video_id}/upload/multipart/abort/").status_code == 204
        assert event_names(video_id) == ["upload_started", "upload_expired"]

    def test_a_deleted_uploads_parts_are_purged(
        self, api: Api, video_id: int, body: bytes, storage: S3Storage, tenant: Tenant
    ) -> None:
        send_parts(api, video_id, body, [1])
        assert api.delete(f"{video_id}/").status_code == 204
        run_once(world_at(days=9))
        assert (open_parts(storage, tenant), stored_keys(tenant)) == ([], [])


class TestFinishedWithoutTheBrowser:
    def test_all_parts_there_and_nobody_calls_complete(self, api: Api, video_id: int, body: bytes) -> None:
        send_parts(api, video_id, body)
        run_once(world_at(seconds=30), invariants=[ArrivedUploadIsCompleted()])
        assert api.video(video_id)["status"] == "UPLOADED"
        assert event_names(video_id) == ["upload_started", "upload_completed", "job_created"]

    def test_one_part_missing_is_left_alone(self, api: Api, video_id: int, body: bytes) -> None:
        send_parts(api, video_id, body, [1, 3])
        run_once(world_at(seconds=30), invariants=[ArrivedUploadIsCompleted()])
        assert api.video(video_id)["status"] == "PENDING"
        assert len(stored(api, video_id)["parts"]) == 2

    def test_a_crash_after_assembling_is_finished(
        self, api: Api, video_id: int, body: bytes, storage: S3Storage
    ) -> None:
        send_parts(api, video_id, body)
        assemble(upload_of(video_id), storage=storage, checksum=None)
        run_once(world_at(seconds=30), invariants=[ArrivedUploadIsCompleted()])
        assert api.video(video_id)["status"] == "UPLOADED"

    def test_past_its_deadline_an_upload_expires_without_parts(
        self, api: Api, video_id: int, body: bytes, storage: S3Storage, tenant: Tenant
    ) -> None:
        send_parts(api, video_id, body, [1, 2])
        run_once(world_at(days=8), invariants=[ArrivedUploadIsCompleted()])
        assert api.video(video_id)["status"] == "EXPIRED"
        assert open_parts(storage, tenant) == []
        assert upload_of(video_id).multipart_upload_id == ""

    def test_whole_at_its_deadline_it_is_completed(self, api: Api, video_id: int, body: bytes) -> None:
        send_parts(api, video_id, body)
        run_once(world_at(days=8), invariants=[ArrivedUploadIsCompleted()])
        assert api.video(video_id)["status"] == "UPLOADED"

    def test_parts_of_an_upload_that_is_over_are_found_again(
        self, api: Api, video_id: int, storage: S3Storage, tenant: Tenant
    ) -> None:
        """The process died between the commit that ended the upload and storage."""
        VideoUpload.objects.across_tenants().filter(video_id=video_id).update(state="EXPIRED")
        Video.objects.across_tenants().filter(pk=video_id).update(status="EXPIRED")
        (report,) = run_once(world_at(seconds=1), invariants=[ArrivedUploadIsCompleted()])
        assert (report.found, report.repaired) == (1, 1)
        assert open_parts(storage, tenant) == []

    def test_a_slow_page_of_parts_is_still_noticed_soon(self, api: Api, video_id: int, body: bytes) -> None:
        """To the uploader: parts signed hours ago and arriving now count as being at work."""
        send_parts(api, video_id, body, [1])
        uploads = VideoUpload.objects.across_tenants().filter(video_id=video_id)
        uploads.update(active_at=SystemClock().now() - timedelta(hours=3), next_check_at=SystemClock().now())
        world = world_at(seconds=1)
        run_once(world, invariants=[ArrivedUploadIsCompleted()])
        due = upload_of(video_id).next_check_at
        assert due is not None
        assert (due - world.clock.now()).total_seconds() == 20


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def at_once(self, count: int, call: Any) -> list[Any]:
        barrier = Barrier(count)

        def run(index: int) -> Any:
            barrier.wait(timeout=20)
            try:
                return call(index)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(run, range(count)))

    def test_duplicates_of_init_make_one_video(self, api: Api, tenant: Tenant, storage: S3Storage, body: bytes) -> None:
        fields = upload_fields(size_bytes=len(body))
        answers = self.at_once(4, lambda _: api.post("upload/init/", fields, Idempotency_Key="once"))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["video"]["id"] for answer in answers}) == 1
        assert Video.objects.for_tenant(tenant).count() == 1
        assert len(open_parts(storage, tenant)) == 1

    def test_parallel_inits_number_the_session_without_gaps(self, api: Api, tenant: Tenant) -> None:
        fields = upload_fields(session="봄 학기")
        answers = self.at_once(6, lambda _: api.post("upload/init/", fields))
        assert sorted(answer.json()["video"]["position"] for answer in answers) == [1, 2, 3, 4, 5, 6]

    def test_two_completes_make_one_job(self, api: Api, tenant: Tenant, body: bytes) -> None:
        video_id = api.init(body)["video"]["id"]
        send_parts(api, video_id, body)
        answers = self.at_once(2, lambda _: api.complete(video_id))
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert 200 in {answer.status_code for answer in answers}
        assert VideoTranscodeJob.objects.for_tenant(tenant).count() == 1

    def test_complete_and_abort_agree(self, api: Api, tenant: Tenant, storage: S3Storage, body: bytes) -> None:
        """Whoever is first: either a video with its bytes, or an expired one without parts."""
        video_id = api.init(body)["video"]["id"]
        send_parts(api, video_id, body)
        calls = [lambda: api.complete(video_id), lambda: api.post(f"{video_id}/upload/multipart/abort/")]
        self.at_once(2, lambda index: calls[index]())
        run_once(world_at(seconds=30), invariants=[ArrivedUploadIsCompleted()])
        assert open_parts(storage, tenant) == []
        whole = bool(stored_keys(tenant))
        assert api.video(video_id)["status"] == ("UPLOADED" if whole else "EXPIRED")


def test_numbers_cover_the_body(body: bytes) -> None:
    assert b"".join(part_of(body, number) for number in numbers_of(body)) == body


def test_init_outside_of_a_transaction_only(tenant: Tenant, storage: S3Storage) -> None:
    """To the database: opening parts in storage is slow, and cannot be rolled back."""
    from django.db import transaction

    from libs.db.guards import TransactionGuardError

    with transaction.atomic(), pytest.raises(TransactionGuardError):
        init_upload(
            tenant=tenant,
            actor="user:1",
            created_by_id=None,
            storage=storage,
            clock=SystemClock(),
            session="",
            **upload_fields(),
        )
