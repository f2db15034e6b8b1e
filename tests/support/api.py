"""The pipeline's API as a machine with a key uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from django.test import Client

from apps.core.api_keys import issue_api_key
from apps.core.models import ALL_SCOPES, Tenant
from apps.support.video import wiring
from tests.support.contract import check_answer
from tests.support.videos import all_rows

VIDEOS = "/api/v1/media/videos/"


class Api:
    """
    One caller. Paths are relative to the videos; answers are Django's test responses.

    Every answer is held against the OpenAPI document: all that uses this shows that the document is true.

    Args:
        bearer: What to send as the key; a fresh one of the tenant by default.
    """

    def __init__(self, tenant: Tenant, *, scopes: Sequence[str] = ALL_SCOPES, bearer: str | None = None) -> None:
        self.tenant = tenant
        self.bearer = bearer or issue_api_key(tenant=tenant, name="test", scopes=scopes).plaintext
        self._client = Client(raise_request_exception=False)

    def get(self, path: str = "", **query: Any) -> Any:
        answer = self._client.get(VIDEOS + path, query, headers=self._headers({}))
        check_answer("GET", VIDEOS + path, answer)
        return answer

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, None, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send JSON, or bytes as they are. `Idempotency_Key="x"` becomes the header Idempotency-Key."""
        data = body if isinstance(body, bytes) else _json(body)
        answer = self._client.generic(
            method, VIDEOS + path, data, content_type="application/json", headers=self._headers(headers)
        )
        check_answer(method, VIDEOS + path, answer)
        return answer

    def init(self, body: bytes, **changes: Any) -> Any:
        """Announce a file and return the answer's JSON."""
        answer = self.post("upload/init/", upload_fields(size_bytes=len(body), **changes))
        assert answer.status_code == 201, answer.content
        return answer.json()

    def upload(self, body: bytes, **changes: Any) -> int:
        """Announce a file, send its bytes, and return the video's id."""
        ticket = self.init(body, **changes)
        assert put(ticket, body) == 200
        return int(ticket["video"]["id"])

    def complete(self, video_id: int, **headers: str) -> Any:
        return self.post(f"{video_id}/upload/complete/", **headers)

    def video(self, video_id: int) -> Any:
        return self.get(f"{video_id}/").json()

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"Bearer {self.bearer}", **named}


def upload_fields(**changes: Any) -> dict[str, Any]:
    """Return the fields of a fine `upload/init/`."""
    return {
        "title": "1강 오리엔테이션",
        "filename": "lecture.mp4",
        "size_bytes": 1000,
        "content_type": "video/mp4",
        **changes,
    }


def put(ticket: Mapping[str, Any], body: bytes) -> int:
    """Send the bytes as a browser would, and return the status."""
    answer = httpx.put(ticket["upload_url"], content=body, headers=ticket["upload"]["headers"], trust_env=False)
    return answer.status_code


def stored_keys(tenant: Tenant) -> list[str]:
    """Return the keys of everything that storage has of a tenant."""
    return sorted(entry.key for entry in wiring.storage().list_objects(f"tenants/{tenant.pk}/"))


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Assert that the block leaves every row of the pipeline as it was."""
    before = all_rows()
    yield
    assert all_rows() == before


def _json(body: Any) -> bytes:
    import json

    return b"" if body is None else json.dumps(body).encode("utf-8", "surrogatepass")
