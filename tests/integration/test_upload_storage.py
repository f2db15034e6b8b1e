"""Promises of the storage adapter about objects that arrive in parts, held over a real server."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings
from pytest_django import Settings

from apps.support.video import wiring
from apps.support.video.domain.checksums import Checksum, ChecksumAlgorithm
from libs.s3_client.client import (
    ChecksumMismatch,
    MultipartUploadMissing,
    ObjectMissing,
    S3Storage,
    StoredPart,
    checksum_header,
)
from tests.support.parts import crc, crc32

PART_BYTES = 5 * 1024 * 1024
FIRST, SECOND = os.urandom(PART_BYTES), os.urandom(1000)


CHECKSUM_OF = {"CRC64NVME": crc, "CRC32": crc32}


@pytest.fixture(params=CHECKSUM_OF)
def storage(s3_engine: None, settings: Settings, request: pytest.FixtureRequest) -> Iterator[S3Storage]:
    """The bucket, once for each kind of store."""
    settings.S3_CHECKSUM_ALGORITHM = request.param
    wiring.storage.cache_clear()
    yield wiring.storage()
    wiring.storage.cache_clear()


def checksum(storage: S3Storage, body: bytes) -> Checksum:
    algorithm = ChecksumAlgorithm(storage.checksum_algorithm or "")
    return Checksum(algorithm=algorithm, value=CHECKSUM_OF[algorithm](body))


def header(storage: S3Storage, body: bytes) -> dict[str, str]:
    found = checksum(storage, body)
    return {checksum_header(found.algorithm): found.value}


@pytest.fixture
def key(storage: S3Storage) -> Iterator[str]:
    prefix = f"tenants/{uuid.uuid4()}/"
    yield f"{prefix}a.mp4"
    storage.delete_prefix(prefix)
    for upload in storage.list_multiparts(prefix):
        storage.abort_multipart(upload.key, upload_id=upload.upload_id)


def put_part(storage: S3Storage, key: str, upload_id: str, number: int, body: bytes) -> httpx.Response:
    url = storage.presign_part(
        key,
        upload_id=upload_id,
        part_number=number,
        size_bytes=len(body),
        checksum=checksum(storage, body),
        expires_seconds=60,
    )
    return httpx.put(url, content=body, headers=header(storage, body), trust_env=False)


def both_parts(storage: S3Storage, key: str) -> tuple[str, list[StoredPart]]:
    upload_id = storage.create_multipart(key, content_type="video/mp4")
    for number, body in ((2, SECOND), (1, FIRST)):
        assert put_part(storage, key, upload_id, number, body).status_code == 200
    return upload_id, storage.list_parts(key, upload_id=upload_id)


def test_parts_become_one_object_with_a_checksum_of_the_whole(storage: S3Storage, key: str) -> None:
    upload_id, parts = both_parts(storage, key)
    assert [(part.part_number, part.size_bytes) for part in parts] == [(1, PART_BYTES), (2, 1000)]
    storage.complete_multipart(key, upload_id=upload_id, parts=parts, checksum=checksum(storage, FIRST + SECOND))
    head = storage.head(key)
    assert (head.size_bytes, head.content_type) == (PART_BYTES + 1000, "video/mp4")
    whole = checksum(storage, FIRST + SECOND)
    assert head.checksums == {whole.algorithm: whole.value}
    with pytest.raises(MultipartUploadMissing):
        storage.list_parts(key, upload_id=upload_id)


def test_a_part_url_takes_exactly_the_announced_bytes(storage: S3Storage, key: str) -> None:
    upload_id = storage.create_multipart(key, content_type="video/mp4")
    url = storage.presign_part(
        key,
        upload_id=upload_id,
        part_number=1,
        size_bytes=len(SECOND),
        checksum=checksum(storage, SECOND),
        expires_seconds=60,
    )
    damaged = bytes([SECOND[0] ^ 1]) + SECOND[1:]
    signed = header(storage, SECOND)
    with httpx.Client(trust_env=False) as browser:
        assert browser.put(url, content=damaged, headers=signed).status_code == 400
        assert browser.put(url, content=damaged, headers=header(storage, damaged)).status_code == 403
        assert browser.put(url, content=SECOND).status_code == 403
        assert browser.put(url, content=SECOND + b"x", headers=signed).status_code == 403
    assert storage.list_parts(key, upload_id=upload_id) == []


def test_parts_of_another_file_are_refused_and_stay(storage: S3Storage, key: str) -> None:
    upload_id, parts = both_parts(storage, key)
    with pytest.raises(ChecksumMismatch):
        storage.complete_multipart(key, upload_id=upload_id, parts=parts, checksum=checksum(storage, b"another file"))
    with pytest.raises(ObjectMissing):
        storage.head(key)
    assert storage.list_parts(key, upload_id=upload_id) == parts


def test_abort_throws_parts_away_and_may_be_repeated(storage: S3Storage, key: str) -> None:
    upload_id, _ = both_parts(storage, key)
    assert [upload.upload_id for upload in storage.list_multiparts(key)] == [upload_id]
    storage.abort_multipart(key, upload_id=upload_id)
    storage.abort_multipart(key, upload_id=upload_id)
    assert list(storage.list_multiparts(key)) == []


def test_abort_does_not_touch_what_became_an_object(storage: S3Storage, key: str) -> None:
    upload_id, parts = both_parts(storage, key)
    storage.complete_multipart(key, upload_id=upload_id, parts=parts, checksum=None)
    storage.abort_multipart(key, upload_id=upload_id)
    assert storage.head(key).size_bytes == PART_BYTES + 1000


class ShortPages(S3Storage):
    """Asks for three parts at a time, where S3 lists a thousand."""

    def _parts_page(self, key: str, upload_id: str, marker: int) -> Any:
        return self._call(
            lambda s3: s3.list_parts(
                Bucket=self.bucket, Key=key, UploadId=upload_id, PartNumberMarker=marker, MaxParts=3
            )
        )


def test_all_pages_of_parts_are_listed(storage: S3Storage, key: str) -> None:
    upload_id = storage.create_multipart(key, content_type="video/mp4")
    numbers = [1, 2, 9, 10, 11, 999, 1000, 1001]
    for number in reversed(numbers):
        assert put_part(storage, key, upload_id, number, b"x").status_code == 200
    paged = ShortPages(
        bucket=settings.S3_BUCKET,
        region=settings.S3_REGION,
        access_key_id=settings.S3_ACCESS_KEY_ID,
        secret_access_key=settings.S3_SECRET_ACCESS_KEY,
        endpoint_url=settings.S3_ENDPOINT_URL,
    )
    assert [part.part_number for part in paged.list_parts(key, upload_id=upload_id)] == numbers


def test_parts_are_listed_by_number(storage: S3Storage, key: str) -> None:
    upload_id = storage.create_multipart(key, content_type="video/mp4")
    for number in (10_000, 9_999, 1_000, 1):
        put_part(storage, key, upload_id, number, b"x")
    parts = storage.list_parts(key, upload_id=upload_id)
    assert [part.part_number for part in parts] == [1, 1_000, 9_999, 10_000]


def test_provision_keeps_the_rules_of_others_and_may_be_repeated(storage: S3Storage) -> None:
    def rules() -> dict[str, object]:
        answer = storage._call(lambda s3: s3.get_bucket_lifecycle_configuration(Bucket=storage.bucket))
        return {rule["ID"]: rule for rule in answer["Rules"]}

    others = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}
    storage._call(
        lambda s3: s3.put_bucket_lifecycle_configuration(
            Bucket=storage.bucket,
            LifecycleConfiguration={"Rules": [others]},  # type: ignore[list-item]
        )
    )
    for days in (3, 8):
        storage.provision(allowed_origins=["http://testserver"], abort_after_days=days)
    ours = rules()["academy-video-abort-stale-uploads"]
    assert set(rules()) == {"theirs", "academy-video-abort-stale-uploads"}
    assert ours["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 8}  # type: ignore[index]
