"""Who is calling: a person by session cookie and CSRF token, or a machine by API key."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.core.api_keys import ApiKeyInvalid, authenticate_api_key
from apps.core.errors import CsrfFailed
from apps.core.models import ApiKey, User
from apps.core.rate_limits import take_anonymous_call
from libs.clock import SystemClock

_BEARER = re.compile(r"Bearer +(?P<key>\S+)", re.IGNORECASE)


class ApiKeyUser(AnonymousUser):
    """The caller behind an API key: authenticated, but no person."""

    @property
    def is_authenticated(self) -> Any:
        return True

    @property
    def is_anonymous(self) -> Any:
        return False


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer avk_...`. A wrong key is refused even if the request also carries a session."""

    def authenticate(self, request: Request) -> tuple[ApiKeyUser, ApiKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        match = _BEARER.fullmatch(header.strip())
        if match is None:
            raise AuthenticationFailed(code="invalid_api_key")
        try:
            api_key = authenticate_api_key(plaintext=match["key"], now=SystemClock().now())
        except ApiKeyInvalid as error:
            take_anonymous_call(request._request)
            raise AuthenticationFailed(code="invalid_api_key") from error
        return ApiKeyUser(), api_key

    def authenticate_header(self, _request: Request) -> str:
        return 'Bearer realm="academy-video"'


class SessionAuthentication(BaseAuthentication):
    """The web app's session cookie. Every write needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        enforce_csrf(request._request)
        return user, None


def enforce_csrf(request: HttpRequest) -> None:
    """
    Refuse an unsafe request without the CSRF token of our own pages.

    Raises:
        CsrfFailed: Token missing or wrong, or the origin is not ours.
    """
    check = _CsrfCheck(_no_response)
    check.process_request(request)
    if check.process_view(request, _no_response, (), {}) is not None:
        raise CsrfFailed


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, _request: HttpRequest, _reason: str) -> HttpResponse:
        # Any answer means refusal; the exception handler writes the one that is sent.
        return HttpResponse()


def _no_response(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()
