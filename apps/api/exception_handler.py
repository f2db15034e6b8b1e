"""
Turns every refusal into `{code, detail, hint, request_id}`.

This is the only place that knows which code is which HTTP status.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.request_context import request_id_of
from apps.core import messages as core_messages
from apps.core.errors import CoreError
from apps.core.language import language_of
from apps.support.video.domain import messages as video_messages
from apps.support.video.domain.errors import VideoError
from libs.db.errors import DATABASE_DOWN

STATUS_OF: Mapping[str, int] = {
    # Anything that speaks HTTP.
    "bad_request": 400,
    "invalid_json": 400,
    "invalid_request": 400,
    "invalid_idempotency_key": 400,
    "webhook_url_refused": 400,
    "not_authenticated": 401,
    "invalid_api_key": 401,
    "invalid_credentials": 401,
    "permission_denied": 403,
    "csrf_failed": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "idempotency_in_progress": 409,
    "last_owner": 409,
    "username_taken": 409,
    "webhook_limit_reached": 409,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "throttled": 429,
    "internal_error": 500,
    "service_unavailable": 503,
    # The pipeline.
    "invalid_part_numbers": 400,
    "invalid_part_checksums": 400,
    "invalid_status": 409,
    "source_not_found_or_empty": 409,
    "upload_incomplete": 409,
    "upload_checksum_mismatch": 409,
    "upload_not_multipart": 409,
    "presigned_get_failed": 409,
    "upload_expired": 410,
    "size_not_allowed": 413,
    "file_type_not_allowed": 415,
    "unsupported_media": 422,
    "quota_exceeded": 429,
    "playback_token_invalid": 403,
    "playback_object_missing": 404,
    "job_precondition_failed": 500,
    "storage_unavailable": 503,
    "event_streams_exhausted": 503,
    "VIDEO_UPLOAD_ENQUEUE_FAILED": 503,
}

_FRAMEWORK_CODES: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], str]] = (
    (exceptions.ParseError, "invalid_json"),
    (exceptions.NotAuthenticated, "not_authenticated"),
    (exceptions.AuthenticationFailed, "invalid_api_key"),
    ((exceptions.PermissionDenied, PermissionDenied), "permission_denied"),
    ((exceptions.NotFound, Http404), "not_found"),
    (exceptions.MethodNotAllowed, "method_not_allowed"),
    (RequestDataTooBig, "payload_too_large"),
    (exceptions.UnsupportedMediaType, "unsupported_media_type"),
    (exceptions.Throttled, "throttled"),
    (DATABASE_DOWN, "service_unavailable"),
)

_DATABASE_RETRY_SECONDS = 2


def handle_exception(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an exception that a view has raised; None lets Django answer 500 and log the traceback."""
    request: Request = context["request"]
    answer = _answer(exc, request)
    if answer is None:
        return None
    for name, value in _headers_of(exc).items():
        answer[name] = value
    answer["Vary"] = "Accept-Language"
    return answer


def error_body(request: HttpRequest | Request, code: str, **params: object) -> dict[str, Any]:
    """Return the body of one of core's errors."""
    return _body(request, code, core_messages.text(code, language_of(request), **params))


def _answer(exc: Exception, request: Request) -> Response | None:
    if isinstance(exc, VideoError):
        return _video_error(exc, request)
    if isinstance(exc, CoreError):
        return _plain(request, exc.code, **exc.params)
    if isinstance(exc, exceptions.ValidationError):
        body = error_body(request, "invalid_request") | {"fields": field_messages(exc.detail)}
        return Response(body, status=STATUS_OF["invalid_request"])
    for kind, code in _FRAMEWORK_CODES:
        if isinstance(exc, kind):
            return _plain(request, code, method=request.method, limit_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    return None


def _video_error(exc: VideoError, request: Request) -> Response:
    text = video_messages.error_text(exc.code, language_of(request), exc.params)
    return Response(_body(request, exc.code, text) | exc.public_fields(), status=STATUS_OF[exc.code])


def _plain(request: Request, code: str, **params: object) -> Response:
    return Response(error_body(request, code, **params), status=STATUS_OF[code])


def _body(request: HttpRequest | Request, code: str, text: core_messages.Text | video_messages.Text) -> dict[str, Any]:
    return {"code": code, "detail": text.detail, "hint": text.hint, "request_id": request_id_of(request)}


def _headers_of(exc: Exception) -> dict[str, str]:
    headers: dict[str, str] = {}
    auth_header = getattr(exc, "auth_header", None)
    if auth_header:
        headers["WWW-Authenticate"] = auth_header
    wait_seconds = _retry_after_seconds(exc)
    if wait_seconds is not None:
        headers["Retry-After"] = str(math.ceil(wait_seconds))
    return headers


def _retry_after_seconds(exc: Exception) -> float | None:
    if isinstance(exc, exceptions.Throttled):
        wait_seconds: float | None = getattr(exc, "wait", None)
        return wait_seconds
    if isinstance(exc, (VideoError, CoreError)):
        return exc.retry_after_seconds
    if isinstance(exc, DATABASE_DOWN):
        return _DATABASE_RETRY_SECONDS
    return None


def field_messages(detail: Any) -> dict[str, list[str]]:
    """Flatten the REST framework's nested details to `{"upload.size_bytes": ["..."]}`."""
    found: dict[str, list[str]] = {}
    _collect(detail, (), lambda name, message: found.setdefault(name, []).append(message))
    return found


def _collect(detail: Any, path: tuple[str, ...], add: Callable[[str, str], None]) -> None:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            _collect(inner, (*path, str(name)), add)
    elif isinstance(detail, (list, tuple)):
        for index, inner in enumerate(detail):
            is_nested = isinstance(inner, (Mapping, list, tuple))
            _collect(inner, (*path, str(index)) if is_nested else path, add)
    else:
        add(".".join(path) or "non_field_errors", _sendable(str(detail)))


def _sendable(text: str) -> str:
    """Return a text that may quote what a caller has sent, with what is no character of UTF-8 written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
