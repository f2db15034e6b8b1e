"""What happens around every request: its id, its language, its one log line, its security headers, its size."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.functional import Promise

from apps.api.error_views import payload_too_large
from apps.api.request_context import REQUEST_ID_HEADER, accept_request_id
from apps.core.language import language_of
from apps.core.permissions import Principal
from libs.observability import metrics, tracing

log = structlog.get_logger()

NextHandler = Callable[[HttpRequest], HttpResponseBase]

_TRACED_PATHS = ("/api/", "/playback/")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
# Django's and the REST framework's own texts, such as "This field is required."
_CATALOGUE_OF = {"ko": "ko-kr", "en": "en"}


class RequestContextMiddleware:
    """Gives the request an id and a language, and writes one `request_finished` line with all that it was."""

    def __init__(self, get_response: NextHandler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = accept_request_id(request.headers.get(REQUEST_ID_HEADER))
        request.request_id = request_id  # type: ignore[attr-defined]
        started = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            translation.override(_CATALOGUE_OF[language_of(request)]),
            _span(request),
        ):
            response = self._get_response(request)
            response.headers[REQUEST_ID_HEADER] = request_id
            seconds = time.perf_counter() - started
            _count(request, response, seconds=seconds)
            _log_finished(request, response, duration_ms=seconds * 1000)
            _describe_span(request, response, request_id=request_id)
        return response


class SecurityHeadersMiddleware:
    """Adds the Content-Security-Policy and keeps the API's answers out of caches; the rest is Django's own."""

    def __init__(self, get_response: NextHandler) -> None:
        self._get_response = get_response
        self._policy = settings.SECURE_CONTENT_SECURITY_POLICY

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", self._policy)
        if request.path.startswith("/api/"):
            # Answers carry presigned URLs and who is signed in.
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class BodyLimitMiddleware:
    """Refuses a large body before anybody reads it: the REST framework's JSON parser has no limit of its own."""

    def __init__(self, get_response: NextHandler) -> None:
        self._get_response = get_response
        self._limit_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared.isascii() and declared.isdigit() and int(declared[:18]) > self._limit_bytes:
            return payload_too_large(request, limit_bytes=self._limit_bytes)
        return self._get_response(request)


def _span(request: HttpRequest) -> AbstractContextManager[None]:
    if not request.path.startswith(_TRACED_PATHS):
        return nullcontext()
    parent = tracing.accept_traceparent(request.headers.get(tracing.TRACEPARENT_HEADER))
    return tracing.span("request", kind="server", parent=parent)


def _describe_span(request: HttpRequest, response: HttpResponseBase, *, request_id: str) -> None:
    if not tracing.is_exporting():
        return
    # Never the path: that of a playback carries its token.
    route, method = _route_of(request) or "unmatched", _method_of(request)
    tracing.rename(f"{method} {route}")
    tracing.note(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": response.status_code,
            "request_id": request_id,
        }
    )
    if response.status_code >= 500:
        tracing.fail(_code_of(response) or str(response.status_code))
    elif code := _code_of(response):
        tracing.note({"error.type": code})


def _count(request: HttpRequest, response: HttpResponseBase, *, seconds: float) -> None:
    # By the name of the route, and known methods only: a caller must not be able to make up series.
    route = request.resolver_match.view_name if request.resolver_match else "unmatched"
    metrics.HTTP_REQUESTS.labels(
        route=route, method=_method_of(request), status=f"{response.status_code // 100}xx"
    ).inc()
    metrics.HTTP_REQUEST_SECONDS.labels(route=route).observe(seconds)


def _log_finished(request: HttpRequest, response: HttpResponseBase, *, duration_ms: float) -> None:
    principal = getattr(request, "academy_principal", None)
    caller: dict[str, object] = {}
    if isinstance(principal, Principal):
        caller = {"actor": principal.actor, "tenant_id": principal.tenant.pk}
    size_bytes = len(response.content) if isinstance(response, HttpResponse) else None
    log.log(
        _level_of(response.status_code),
        "request_finished",
        message=f"{request.method} {request.path} {response.status_code}",
        method=request.method,
        path=request.path,
        route=_route_of(request),
        status=response.status_code,
        code=_code_of(response),
        duration_ms=round(duration_ms, 1),
        size_bytes=size_bytes,
        **caller,
    )


def _method_of(request: HttpRequest) -> str:
    return request.method if request.method in _METHODS else "other"


def _route_of(request: HttpRequest) -> str | None:
    route = request.resolver_match.route if request.resolver_match else None
    return str(route) if isinstance(route, (str, Promise)) else None


def _code_of(response: HttpResponseBase) -> str | None:
    return getattr(response, "data", {}).get("code") if _is_error_body(response) else None


def _level_of(status: int) -> int:
    # 10 steps a level as in the standard library: DEBUG 10, INFO 20, WARNING 30, ERROR 40.
    return 30 if status >= 500 else 20


def _is_error_body(response: HttpResponseBase) -> bool:
    return response.status_code >= 400 and isinstance(getattr(response, "data", None), dict)
