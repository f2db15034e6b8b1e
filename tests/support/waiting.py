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
        pause(POLL_SECONDS)


def pause(seconds: float) -> None:
    """Let other processes run between two looks. Nothing else in the tests sleeps: see `tests/unit/test_suite.py`."""
    time.sleep(seconds)


def locks_are_waited_for() -> bool:
    """Tell whether anybody waits for a lock of this database."""
    with connection.cursor() as cursor:
        # pg_locks names no database for locks on rows, and other databases of the server are other tests'.
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database())"
        )
        return bool(cursor.fetchone()[0])
