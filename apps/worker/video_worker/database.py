"""Writing what must not be lost, through a database that may be away for a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

TRIES = 6
PAUSE_SECONDS = 2.0


def persistently(write: Callable[[], Answer]) -> Answer:
    """
    Return what `write` returns, trying again while the database is away: hours of work must not hang on one outage.

    Raises:
        OperationalError, InterfaceError: It was away too long.
    """
    for tries_left in reversed(range(TRIES)):
        close_old_connections()
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            if tries_left == 0:
                raise
            log.warning("outcome_not_written", error=str(error), tries_left=tries_left)
            time.sleep(PAUSE_SECONDS)
    raise AssertionError("unreachable")
