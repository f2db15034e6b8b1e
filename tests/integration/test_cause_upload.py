"""To whoever asks why before an upload is accepted: each cause, made to happen with real storage, and what is told."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from pytest_django import Settings

from apps.core.models import Tenant
from apps.support.video import wiring
from apps.support.video.domain.causes import Cause
from apps.support.video.domain.checksums import Checksum, ChecksumAlgorithm
from apps.support.video.models import VideoUpload
from libs.s3_client.client import checksum_header
from tests.support.api import Api
from tests.support.causes import assert_told, makes
from tests.support.media_server import serving
from tests.support.parts import MIB, crc, large_clip, send_parts
from tests.support.video_files import clip
from tests.support.videos import set_back

pytestmark = pytest.mark.django_db

CLOSED_PORT = "http://127.0.0.1:1"
SENDING = ["complete", "refresh_url"]


@pytest.fixture
def api(s3_engine: None) -> Iterator[Api]:
    tenant = Tenant.objects.create(code="demo", name="데모 학원")
    yield Api(tenant)
    storage, prefix = wiring.storage(), f"tenants/{tenant.pk}/"
    for upload in storage.list_multiparts(prefix):
        storage.abort_multipart(upload.key, upload_id=upload.upload_id)
    storage.delete_prefix(prefix)


def announced(api: Api, **changes: object) -> int:
    return int(api.init(clip(), **changes)["video"]["id"])


def upload_of(video_id: int) -> VideoUpload:
    return VideoUpload.objects.across_tenants().get(video_id=video_id)


def store(video_id: int, body: bytes) -> None:
    """Write the object past the signed URL, which would take nothing but what was announced."""
    wiring.storage().write_bytes(upload_of(video_id).file_key, body, content_type="video/mp4")


@makes(Cause.UPLOAD_WAITING)
def test_nothing_has_been_sent(api: Api, cause: Cause) -> None:
    assert_told(announced(api), cause, by=api, actions=SENDING)


@makes(Cause.UPLOAD_PARTS_MISSING)
def test_one_part_of_three_has_been_sent(api: Api, cause: Cause) -> None:
    body = large_clip(17 * MIB)
    video_id = api.init(body)["video"]["id"]
    send_parts(api, video_id, body, [3])
    told = assert_told(video_id, cause, by=api, actions=SENDING)
    facts = told["evidence"][1]["facts"]
    assert (facts["parts_stored"], facts["parts_planned"], facts["stored_bytes"]) == (1, 3, MIB)


@makes(Cause.UPLOAD_ABANDONED)
def test_the_deadline_passes_without_a_file(api: Api, cause: Cause) -> None:
    video_id = announced(api)
    set_back(upload_of(video_id), seconds=30 * 86_400, fields=["created_at", "deadline_at"])
    assert_told(video_id, cause, by=api, actions=["complete"])


@makes(Cause.UPLOAD_COMPLETE_NOT_CALLED)
def test_the_page_is_closed_after_the_last_byte(api: Api, cause: Cause) -> None:
    assert_told(api.upload(clip()), cause, by=api, actions=SENDING)


@makes(Cause.UPLOAD_EMPTY)
def test_an_empty_object(api: Api, cause: Cause) -> None:
    video_id = announced(api)
    store(video_id, b"")
    assert_told(video_id, cause, by=api, actions=SENDING)


@makes(Cause.UPLOAD_SIZE_MISMATCH)
def test_an_object_of_another_size(api: Api, cause: Cause) -> None:
    video_id = announced(api)
    store(video_id, clip()[:-1])
    assert_told(video_id, cause, by=api, actions=SENDING)


@makes(Cause.UPLOAD_CHECKSUM_MISMATCH)
def test_another_file_of_the_same_size(api: Api, cause: Cause) -> None:
    body, storage = clip(), wiring.storage()
    other = bytes([body[0] ^ 1]) + body[1:]
    video_id = announced(api, checksum_crc64nvme=crc(body))
    checksum = Checksum(algorithm=ChecksumAlgorithm.CRC64NVME, value=crc(other))
    url = storage.presign_put(
        upload_of(video_id).file_key,
        content_type="video/mp4",
        size_bytes=len(other),
        expires_seconds=60,
        checksum=checksum,
    )
    headers = {
        "Content-Type": "video/mp4",
        "If-None-Match": "*",
        checksum_header(checksum.algorithm): checksum.value,
    }
    assert httpx.put(url, content=other, headers=headers, trust_env=False).status_code == 200
    assert_told(video_id, cause, by=api, actions=SENDING)


@makes(Cause.STORAGE_DENIED)
def test_storage_does_not_know_our_secret(
    api: Api, settings: Settings, rewire: Callable[[], None], cause: Cause
) -> None:
    video_id = announced(api)
    settings.S3_SECRET_ACCESS_KEY = "wrong" * 8
    rewire()
    assert_told(video_id, cause, by=api, actions=SENDING)


@makes(Cause.STORAGE_UNAVAILABLE)
def test_storage_is_away(api: Api, settings: Settings, rewire: Callable[[], None], cause: Cause) -> None:
    video_id = announced(api)
    settings.S3_ENDPOINT_URL = CLOSED_PORT
    rewire()
    assert_told(video_id, cause, by=api, actions=SENDING, languages=["en"])


@makes(Cause.STORAGE_THROTTLED)
def test_storage_wants_fewer_requests(api: Api, settings: Settings, rewire: Callable[[], None], cause: Cause) -> None:
    """A store of our own has no such limit: this one answers as S3 does."""
    video_id = announced(api)
    with serving(b"", status=503, reason="Slow Down") as store:
        settings.S3_ENDPOINT_URL = f"http://{urlsplit(store.url).netloc}"
        rewire()
        told = assert_told(video_id, cause, by=api, actions=SENDING, languages=["en"])
        refused = api.complete(video_id)
    assert (told["acts"], told["next_step_code"]) == ("nobody", "reconciler_completes")
    assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
