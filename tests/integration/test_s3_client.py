"""Promises of the storage adapter and of the URLs that it signs, held over a real server that checks signatures."""

import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command

from apps.support.video import wiring
from libs.s3_client.client import ObjectMissing, S3Storage, StorageDenied, StorageThrottled, StorageUnavailable
from tests.support.engines import Engines
from tests.support.media_server import serving
from tests.support.storage import storage_of
from tests.support.waiting import wait_until

BODY = b"0123456789"
HEADERS = {"Content-Type": "video/mp4", "If-None-Match": "*"}


@pytest.fixture
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


@pytest.fixture
def prefix(storage: S3Storage) -> Iterator[str]:
    own = f"test/{uuid.uuid4()}/"
    yield own
    storage.delete_prefix(own)


def client_of(endpoint_url: str, *, secret_access_key: str | None = None) -> S3Storage:
    return S3Storage(
        bucket=settings.S3_BUCKET,
        region=settings.S3_REGION,
        access_key_id=settings.S3_ACCESS_KEY_ID,
        secret_access_key=secret_access_key or settings.S3_SECRET_ACCESS_KEY,
        endpoint_url=endpoint_url,
        connect_timeout_seconds=0.3,
        read_timeout_seconds=0.3,
        attempts=1,
    )


def signed_put(storage: S3Storage, key: str, *, expires_seconds: float = 60) -> str:
    return storage.presign_put(key, content_type="video/mp4", size_bytes=len(BODY), expires_seconds=expires_seconds)


def put(url: str, *, body: bytes | Iterator[bytes] = BODY, headers: dict[str, str] | None = None) -> int:
    return httpx.put(url, content=body, headers=HEADERS if headers is None else headers, trust_env=False).status_code


def exists(storage: S3Storage, key: str) -> bool:
    try:
        storage.head(key)
    except ObjectMissing:
        return False
    return True


class TestPresignedPut:
    def test_it_takes_exactly_what_was_announced(self, storage: S3Storage, prefix: str) -> None:
        key = f"{prefix}a.mp4"
        assert put(signed_put(storage, key)) == 200
        head = storage.head(key)
        assert (head.size_bytes, head.content_type) == (len(BODY), "video/mp4")
        assert storage.read_bytes(key) == BODY

    @pytest.mark.parametrize(
        "body", [BODY[:-1], BODY + b"x", b"", iter([BODY])], ids=["short", "long", "empty", "chunks"]
    )
    def test_another_length_is_refused(self, storage: S3Storage, prefix: str, body: bytes | Iterator[bytes]) -> None:
        key = f"{prefix}a.mp4"
        assert put(signed_put(storage, key), body=body) in {400, 403, 411}
        assert not exists(storage, key)

    @pytest.mark.parametrize(
        "headers",
        [
            {**HEADERS, "Content-Type": "text/html"},
            {**HEADERS, "Content-Type": "video/mp4; charset=utf-8"},
            {"If-None-Match": "*"},
            {"Content-Type": "video/mp4"},
            {**HEADERS, "If-None-Match": '"0"'},
        ],
        ids=["other type", "more than the type", "no type", "no condition", "other condition"],
    )
    def test_another_header_is_refused(self, storage: S3Storage, prefix: str, headers: dict[str, str]) -> None:
        key = f"{prefix}a.mp4"
        assert put(signed_put(storage, key), headers=headers) == 403
        assert not exists(storage, key)

    def test_a_second_put_does_not_replace_the_first(self, storage: S3Storage, prefix: str) -> None:
        """To the uploader: what was verified cannot be swapped with the URL that brought it."""
        key = f"{prefix}a.mp4"
        url = signed_put(storage, key)
        assert put(url) == 200
        etag = storage.head(key).etag
        assert put(url, body=BODY[::-1]) == 412
        assert (storage.head(key).etag, storage.read_bytes(key)) == (etag, BODY)

    def test_the_url_is_for_one_key_only(self, storage: S3Storage, prefix: str) -> None:
        url = signed_put(storage, f"{prefix}a.mp4").replace("a.mp4?", "b.mp4?")
        assert put(url) == 403
        assert not exists(storage, f"{prefix}b.mp4")

    def test_the_url_is_for_one_method_only(self, storage: S3Storage, prefix: str) -> None:
        storage.write_bytes(f"{prefix}a.mp4", BODY, content_type="video/mp4")
        url = signed_put(storage, f"{prefix}a.mp4")
        assert httpx.get(url, trust_env=False).status_code == 403
        assert httpx.delete(url, trust_env=False).status_code == 403
        assert exists(storage, f"{prefix}a.mp4")

    def test_an_expired_url_takes_nothing(self, storage: S3Storage, prefix: str) -> None:
        key = f"{prefix}a.mp4"
        storage.write_bytes(f"{prefix}clock", b"x", content_type="text/plain")
        url = signed_put(storage, key, expires_seconds=1)
        clock = storage.presign_get(f"{prefix}clock", expires_seconds=1)
        wait_until(lambda: httpx.get(clock, trust_env=False).status_code == 403, timeout_seconds=10)
        assert put(url) == 403
        assert not exists(storage, key)


class TestPresignedGet:
    def test_it_reads_the_object_and_ranges_of_it(self, storage: S3Storage, prefix: str) -> None:
        key = f"{prefix}a.mp4"
        storage.write_bytes(key, BODY, content_type="video/mp4")
        for url in (storage.presign_get(key, expires_seconds=60), storage.presign_public_get(key, expires_seconds=60)):
            assert httpx.get(url, trust_env=False).content == BODY
            part = httpx.get(url, headers={"Range": "bytes=2-4"}, trust_env=False)
            assert (part.status_code, part.content) == (206, BODY[2:5])

    def test_a_changed_object_is_noticed_by_its_etag(self, storage: S3Storage, prefix: str) -> None:
        key = f"{prefix}a.mp4"
        storage.write_bytes(key, BODY, content_type="video/mp4")
        etag = storage.head(key).etag
        url = storage.presign_get(key, expires_seconds=60)
        assert httpx.get(url, headers={"If-Match": f'"{etag}"'}, trust_env=False).status_code == 200
        storage.write_bytes(key, BODY[::-1], content_type="video/mp4")
        assert httpx.get(url, headers={"If-Match": f'"{etag}"'}, trust_env=False).status_code == 412

    def test_urls_for_browsers_are_signed_for_where_browsers_reach_storage(self) -> None:
        storage = S3Storage(
            bucket="b",
            region="us-east-1",
            access_key_id="x",
            secret_access_key="y",
            endpoint_url="http://inside:9000",
            public_endpoint_url="https://media.example",
        )
        assert urlsplit(storage.presign_get("k", expires_seconds=60)).netloc == "inside:9000"
        assert urlsplit(storage.presign_public_get("k", expires_seconds=60)).netloc == "media.example"
        assert urlsplit(signed_put(storage, "k")).netloc == "media.example"

    @pytest.mark.parametrize("name", ["강의 1강.mp4", "a b+c&d=e?f#g.mp4", "quote'\"<>.mp4", "percent%2e%2e.mp4"])
    def test_any_key_can_be_signed(self, storage: S3Storage, prefix: str, name: str) -> None:
        storage.write_bytes(prefix + name, BODY, content_type="video/mp4")
        url = storage.presign_get(prefix + name, expires_seconds=60)
        assert httpx.get(url, trust_env=False).content == BODY


class TestObjects:
    def test_what_is_not_there_is_named_missing(self, storage: S3Storage, prefix: str) -> None:
        for call in (storage.head, storage.read_bytes):
            with pytest.raises(ObjectMissing):
                call(f"{prefix}nothing")

    def test_a_file_is_stored_whole_and_its_progress_told(
        self, storage: S3Storage, prefix: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "big.bin"
        path.write_bytes(b"x" * 9 * 1024 * 1024)
        told: list[int] = []
        storage.upload_file(f"{prefix}big.bin", path, content_type="video/mp4", on_bytes=told.append)
        head = storage.head(f"{prefix}big.bin")
        assert (head.size_bytes, head.content_type) == (path.stat().st_size, "video/mp4")
        assert sum(told) == path.stat().st_size

    def test_more_than_a_page_is_listed_and_deleted_whole(self, storage: S3Storage, prefix: str) -> None:
        keys = [f"{prefix}{number:04}" for number in range(1003)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: storage.write_bytes(key, b"x", content_type="text/plain"), keys))
        listed = list(storage.list_objects(prefix))
        assert [entry.key for entry in listed] == keys
        assert {entry.size_bytes for entry in listed} == {1}
        assert storage.delete_prefix(prefix) == 1003
        assert list(storage.list_objects(prefix)) == []

    def test_deleting_video_12_leaves_120_alone(self, storage: S3Storage, prefix: str) -> None:
        for name in ("12/a", "12/deep/b", "120/a", "1/a", "12"):
            storage.write_bytes(prefix + name, b"x", content_type="text/plain")
        assert storage.delete_prefix(f"{prefix}12/") == 2
        assert [entry.key.removeprefix(prefix) for entry in storage.list_objects(prefix)] == ["1/a", "12", "120/a"]

    @pytest.mark.parametrize("end", ["", "12", "12/a", "12/*", "12/ "])
    def test_a_prefix_without_its_slash_deletes_nothing(self, storage: S3Storage, prefix: str, end: str) -> None:
        storage.write_bytes(f"{prefix}12/a", b"x", content_type="text/plain")
        with pytest.raises(ValueError, match="ends in '/'"):
            storage.delete_prefix(prefix.removesuffix("/") + (f"/{end}" if end else ""))
        assert exists(storage, f"{prefix}12/a")

    def test_an_empty_prefix_is_refused_too(self, storage: S3Storage) -> None:
        with pytest.raises(ValueError, match="ends in '/'"):
            storage.delete_prefix("")

    def test_deleting_nothing_is_fine(self, storage: S3Storage, prefix: str) -> None:
        assert storage.delete_prefix(prefix) == 0


CALLS: dict[str, Callable[[S3Storage, Path], object]] = {
    "head": lambda storage, _path: storage.head("a"),
    "read_bytes": lambda storage, _path: storage.read_bytes("a"),
    "write_bytes": lambda storage, _path: storage.write_bytes("a", b"x", content_type="text/plain"),
    "upload_file": lambda storage, path: storage.upload_file("a", path, content_type="text/plain"),
    "list_objects": lambda storage, _path: list(storage.list_objects("a/")),
    "delete_prefix": lambda storage, _path: storage.delete_prefix("a/"),
}


@pytest.mark.parametrize("call", sorted(CALLS))
class TestFailure:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "a"
        path.write_bytes(b"x")
        return path

    def test_storage_that_is_stopped_is_unavailable(self, call: str, path: Path) -> None:
        with pytest.raises(StorageUnavailable):
            CALLS[call](client_of("http://127.0.0.1:1"), path)

    def test_storage_that_does_not_answer_is_unavailable_within_the_budget(self, call: str, path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(StorageUnavailable):
            CALLS[call](client_of(f"http://127.0.0.1:{server.getsockname()[1]}"), path)

    def test_a_wrong_secret_is_denied_and_not_mistaken_for_an_outage(
        self, s3_engine: None, call: str, path: Path
    ) -> None:
        with pytest.raises(StorageDenied):
            CALLS[call](client_of(str(settings.S3_ENDPOINT_URL), secret_access_key="wrong" * 8), path)


def test_a_store_that_wants_fewer_requests_says_so_even_without_a_body() -> None:
    """S3 answers a HEAD with "503 Slow Down" and nothing else; any other 503 is a store that is away."""
    for status, reason, kind in (
        (503, "Slow Down", StorageThrottled),
        (429, None, StorageThrottled),
        (503, None, StorageUnavailable),
    ):
        with serving(b"", status=status, reason=reason) as media, pytest.raises(StorageUnavailable) as refusal:
            client_of(media.url.rpartition("/")[0]).head("a.mp4")
        assert type(refusal.value) is kind


def test_storage_that_comes_back_is_used_again_and_has_everything(own_engines: Engines) -> None:
    """To the operator: a killed storage server loses nothing that it has acknowledged."""
    server, storage = own_engines.runner("s3"), storage_of(own_engines.environment())
    key = f"test/{uuid.uuid4()}/a.mp4"
    assert put(signed_put(storage, key)) == 200
    server.kill()
    try:
        with pytest.raises(StorageUnavailable):
            storage.head(key)
    finally:
        server.start()
    assert storage.read_bytes(key) == BODY


def test_provisioning_twice_is_fine_and_lets_our_pages_upload(storage: S3Storage, prefix: str) -> None:
    for _ in range(2):
        call_command("provision_video")
    preflight = httpx.options(
        signed_put(storage, f"{prefix}a.mp4"),
        headers={
            "Origin": settings.ACADEMY_PUBLIC_ORIGIN,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type,if-none-match",
        },
        trust_env=False,
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] in {settings.ACADEMY_PUBLIC_ORIGIN, "*"}
