"""The id that ties an answer, its log lines and a support call together."""

from __future__ import annotations

import re
import uuid

from django.http import HttpRequest
from rest_framework.request import Request

REQUEST_ID_HEADER = "X-Request-ID"

# What a proxy may send us: printable, greppable, and unable to break a log line or a header.
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


def accept_request_id(given: str | None) -> str:
    """Return the caller's id if it is a sane one, else a fresh one."""
    if given is not None and _SANE_ID.fullmatch(given):
        return given
    return uuid.uuid4().hex


def request_id_of(request: HttpRequest | Request) -> str:
    """Return the id of a request; one that never met the middleware gets its own."""
    http_request = request._request if isinstance(request, Request) else request
    known = getattr(http_request, "request_id", None)
    if isinstance(known, str):
        return known
    fresh = accept_request_id(None)
    http_request.request_id = fresh  # type: ignore[attr-defined]
    return fresh
