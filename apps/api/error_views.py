"""The answers that Django itself asks for: our error JSON under the API's addresses, one plain sentence elsewhere."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from apps.api.exception_handler import STATUS_OF, error_body

_API_PREFIXES = ("/api/", "/playback/", "/healthz")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    return _answer(request, "bad_request")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    return _answer(request, "permission_denied")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    return _answer(request, "not_found")


def internal_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, "internal_error")


def csrf_failure(request: HttpRequest, **_reason: str) -> HttpResponse:
    return _answer(request, "csrf_failed")


def payload_too_large(request: HttpRequest, *, limit_bytes: int) -> HttpResponse:
    return _answer(request, "payload_too_large", limit_bytes=limit_bytes)


def _answer(request: HttpRequest, code: str, **params: object) -> HttpResponse:
    body = error_body(request, code, **params)
    status = STATUS_OF[code]
    headers = {"Vary": "Accept-Language", "Cache-Control": "no-store"}
    if request.path.startswith(_API_PREFIXES):
        return JsonResponse(body, status=status, headers=headers, json_dumps_params={"ensure_ascii": False})
    sentence = f"{body['detail']} {body['hint']}\n"
    return HttpResponse(sentence, status=status, headers=headers, content_type="text/plain; charset=utf-8")
