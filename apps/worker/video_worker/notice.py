"""Hearing that the machine is about to go, before the signal comes."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from libs.machine.spot import MetadataUnavailable, SpotNotice

log = structlog.get_logger(__name__)

# A spot machine has two minutes, and handing back takes seconds.
POLL_SECONDS = 5.0

Notice = Callable[[], bool]


def notices(*, spot_url: str | None, stop_file: Path | None) -> list[Notice]:
    """Return the notices that the installation has set up: a spot machine's, a file that somebody makes, or none."""
    asked: list[Notice] = []
    if spot_url is not None:
        asked.append(SpotNotice(base_url=spot_url).is_given)
    if stop_file is not None:
        asked.append(stop_file.exists)
    return asked


def watch_notices(
    asked: Sequence[Notice], *, stopping: threading.Event, poll_seconds: float = POLL_SECONDS
) -> threading.Thread | None:
    """
    Set `stopping` when one of the notices is given. A first look is taken at once, before any work is.

    Returns:
        The thread that goes on looking, or None when there is nothing to look for.
    """
    if not asked:
        return None
    _look(asked, stopping=stopping)

    def watch() -> None:
        while not stopping.wait(poll_seconds):
            _look(asked, stopping=stopping)

    thread = threading.Thread(target=watch, name="notice", daemon=True)
    thread.start()
    return thread


def _look(asked: Sequence[Notice], *, stopping: threading.Event) -> None:
    for notice in asked:
        try:
            if notice():
                log.warning("stop_notice_given")
                stopping.set()
        except MetadataUnavailable as error:
            log.warning("stop_notice_unknown", error=str(error))
