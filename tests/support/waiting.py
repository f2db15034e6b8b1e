"""Waiting for something to become true, instead of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

Value = TypeVar("Value")

POLL_SECONDS = 0.05


def wait_until(predicate: Callable[[], Value], *, timeout_seconds: float, message: str = "") -> Value:
    """
    Call `predicate` until it returns something true, and return that.

    Raises:
        AssertionError: It did not in time. The message has its last value.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{message or 'condition'}: still {value!r} after {timeout_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def locks_are_waited_for() -> bool:
    """Tell whether anybody waits for a lock of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])
