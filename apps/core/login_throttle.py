"""
Slows down guessing of passwords.

Failures are counted by name and address together, so that guessing a name from elsewhere does not lock its owner out.
The counters live in this process's memory: with N api processes the limit is N times as high, still far from useful
to a guesser, and nothing has to be stored.
"""

from __future__ import annotations

import hashlib

from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.exceptions import Throttled

MAX_FAILURES = 10
WINDOW_SECONDS = 300


def require_attempt_left(request: HttpRequest, *, username: str) -> None:
    """
    Let an attempt pass unless too many have failed.

    Raises:
        Throttled: Ten attempts have failed within five minutes.
    """
    if cache.get(_key(request, username), 0) >= MAX_FAILURES:
        raise Throttled(wait=WINDOW_SECONDS)


def note_failure(request: HttpRequest, *, username: str) -> None:
    key = _key(request, username)
    # The window starts with the first failure and is not moved by later ones.
    if not cache.add(key, 1, timeout=WINDOW_SECONDS):
        try:
            cache.incr(key)
        except ValueError:
            # It ran out between the two calls.
            cache.set(key, 1, timeout=WINDOW_SECONDS)


def forget_failures(request: HttpRequest, *, username: str) -> None:
    cache.delete(_key(request, username))


def _key(request: HttpRequest, username: str) -> str:
    who = f"{request.META.get('REMOTE_ADDR', '')} {username.casefold()}"
    return f"login-failures:{hashlib.sha256(who.encode()).hexdigest()}"
