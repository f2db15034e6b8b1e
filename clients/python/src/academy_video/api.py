"""The public API, as far as uploads need it."""

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx

from .answers import CompletedUpload, PartTickets, Quota, StoredParts, UploadDescription, UploadTicket, Video
from .errors import NotPermitted, Refused, Unavailable
from .retry import TRIES, TryAgain, with_retries
from .version import VERSION

VIDEOS = "/api/v1/media/videos/"
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
# 408, 425 and 429 without a code of ours come from proxies in between.
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
# These say that our own state is the matter, or that waiting a few seconds does not help.
_DEFINITE_CODES = frozenset({"quota_exceeded", "VIDEO_UPLOAD_ENQUEUE_FAILED"})

Answer = TypeVar("Answer")


class Api:
    """
    One installation and one key. Thread-safe.

    Args:
        base_url: Where the installation is, without a path.
        key: An API key with the right to write.
        stop: Set it to end waiting early.
        tries: How often a call, or a part, is tried before it is given up.
        language: What the server's sentences are in, "ko" or "en".
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str,
        stop: threading.Event | None = None,
        tries: int = TRIES,
        language: str = "en",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.tries = tries
        self.stop = stop or threading.Event()
        self._http = httpx.Client(
            base_url=self.base_url,
            headers={
                "Authorization": f"Bearer {key}",
                "User-Agent": f"academy-video-python/{VERSION}",
                "Accept-Language": language,
            },
            timeout=TIMEOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def init(self, fields: Mapping[str, Any], *, idempotency_key: str, traceparent: str | None = None) -> UploadTicket:
        """Announce a file. A repeat with the same key makes no second video."""
        headers = {"Idempotency-Key": idempotency_key, **_trace(traceparent)}
        return self._ask(UploadTicket, "POST", "upload/init/", body=fields, headers=headers)

    def describe(self, video_id: int) -> UploadDescription:
        """Return how an unfinished upload is to be sent."""
        return self._ask(UploadDescription, "GET", f"{video_id}/upload/")

    def refresh(self, video_id: int) -> UploadTicket:
        """Return a fresh URL for an upload of one PUT."""
        return self._ask(UploadTicket, "POST", f"{video_id}/upload/refresh-url/")

    def stored_parts(self, video_id: int) -> StoredParts:
        """Return the parts that storage has."""
        return self._ask(StoredParts, "GET", f"{video_id}/upload/multipart/parts/")

    def sign_parts(self, video_id: int, part_numbers: Sequence[int], checksums: Sequence[str] | None) -> PartTickets:
        """Return URLs for some parts, at most a hundred."""
        body: dict[str, Any] = {"part_numbers": list(part_numbers)}
        if checksums is not None:
            body["checksums"] = list(checksums)
        return self._ask(PartTickets, "POST", f"{video_id}/upload/multipart/presign/", body=body)

    def abort(self, video_id: int) -> None:
        """Throw an upload's parts away."""
        self._call("POST", f"{video_id}/upload/multipart/abort/")

    def complete(
        self, video_id: int, *, checksums: Mapping[str, str], traceparent: str | None = None
    ) -> CompletedUpload:
        """Say that everything is sent; the file's checksum is named as the API does."""
        path, headers = f"{video_id}/upload/complete/", _trace(traceparent)
        return self._ask(CompletedUpload, "POST", path, body=checksums, headers=headers)

    def video(self, video_id: int) -> Video:
        """Return a video."""
        return self._ask(Video, "GET", f"{video_id}/")

    def delete(self, video_id: int) -> None:
        """Delete a video."""
        self._call("DELETE", f"{video_id}/")

    def quota(self) -> Quota:
        """Return what is used and what is allowed."""
        return self._ask(Quota, "GET", "quota/")

    def _ask(self, _answer: type[Answer], method: str, path: str, **parts: Any) -> Answer:
        """Call, and take the server at its document's word for what comes back."""
        return cast(Answer, self._call(method, path, **parts))

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            return with_retries(
                lambda: self._call_once(method, path, body, headers or {}), stop=self.stop, tries=self.tries
            )
        except TryAgain as failure:
            raise Unavailable(f"{self.base_url} does not answer: {failure}") from failure

    def _call_once(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        try:
            answer = self._http.request(method, VIDEOS + path, json=body, headers=dict(headers))
        except httpx.TransportError as error:
            raise TryAgain(str(error) or type(error).__name__) from error
        content = _json_of(answer)
        if answer.is_success:
            return content
        code = content.get("code")
        if code == "idempotency_in_progress" or (answer.status_code in _TRANSIENT and code not in _DEFINITE_CODES):
            raise TryAgain(f"{answer.status_code} {code or ''}".strip(), after_seconds=_retry_after(answer))
        if answer.status_code in {401, 403}:
            raise NotPermitted(status_code=answer.status_code, body=content)
        raise Refused(status_code=answer.status_code, body=content)


def _trace(traceparent: str | None) -> dict[str, str]:
    return {} if traceparent is None else {"traceparent": traceparent}


def _json_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None
