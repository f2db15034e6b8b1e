"""A reader of server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.api import VIDEOS

READ_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One event; `position` is its id."""

    name: str
    position: int
    data: Any


class EventSource:
    """
    One open stream.

    Args:
        headers: How the caller signs in, `Last-Event-ID` and the like.
    """

    def __init__(self, base_url: str, *, headers: dict[str, str], query: str = "") -> None:
        self._client = httpx.Client(timeout=READ_TIMEOUT_SECONDS, trust_env=False)
        request = self._client.build_request("GET", f"{base_url}{VIDEOS}events/stream/{query}", headers=headers)
        self.response = self._client.send(request, stream=True)
        self._lines = self.response.iter_lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.response.close()
        self._client.close()

    def __iter__(self) -> Iterator[ServerSentEvent]:
        """Yield what comes until the server ends the stream."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield _event(fields)
                fields = {}

    def next(self) -> ServerSentEvent:
        """Return the next event, a heartbeat included."""
        return next(iter(self))

    def next_events(self, count: int) -> list[ServerSentEvent]:
        """Return the next events, without heartbeats."""
        found: list[ServerSentEvent] = []
        while len(found) < count:
            event = self.next()
            if event.name == "message":
                found.append(event)
        return found


def _event(fields: dict[str, str]) -> ServerSentEvent:
    return ServerSentEvent(
        name=fields.get("event", "message"), position=int(fields["id"]), data=json.loads(fields["data"])
    )
