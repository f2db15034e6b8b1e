"""Requests as a browser makes them."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, whatever its status."""

    status: int
    headers: Message
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class NoReply(Exception):
    """Nobody answered at this address."""


def request(method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Reply:
    """
    Make one request. A refusal is a reply too.

    Raises:
        NoReply: The host is unknown, refused the connection, or said nothing within `TIMEOUT_SECONDS`.
    """
    asked = urllib.request.Request(url, method=method, data=body, headers=dict(headers or {}))  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return Reply(status=answer.status, headers=answer.headers, body=answer.read())
    except urllib.error.HTTPError as refusal:
        return Reply(status=refusal.code, headers=refusal.headers, body=refusal.read())
    except (OSError, http.client.HTTPException) as error:
        raise NoReply(str(error)) from error
