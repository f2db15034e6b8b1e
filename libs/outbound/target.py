"""A URL, taken apart once, so that what is checked is what is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

LONGEST_URL = 2000
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Whatever RFC 3986 lets stand in a path and a query, "%" included: what is escaped already stays as it is.
_KEPT = "/?:@!$&'()*+,;=~-._%"

UrlFault = Literal["too_long", "not_a_url", "scheme", "host", "credentials"]


class UrlRefused(ValueError):
    """The text is no URL that we would call; `fault` says what is wrong with it."""

    def __init__(self, fault: UrlFault) -> None:
        self.fault = fault
        super().__init__(fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes. `host` is ASCII, without the brackets of an IPv6 address."""

    is_tls: bool
    host: str
    port: int
    path: str


def read_target(url: str, *, allow_http: bool) -> Target:
    """
    Return where a URL leads.

    Raises:
        UrlRefused: It is none, or not one for us.
    """
    if len(url) > LONGEST_URL:
        raise UrlRefused("too_long")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise UrlRefused("not_a_url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefused("not_a_url") from error
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise UrlRefused("scheme")
    if parts.username is not None or parts.password is not None:
        # They would stand in the log of whoever lists endpoints; a receiver knows us by the signature.
        raise UrlRefused("credentials")
    path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return Target(
        is_tls=parts.scheme == "https",
        host=_ascii_host(parts.hostname),
        port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
        path=path,
    )


def _ascii_host(host: str | None) -> str:
    try:
        ascii_host = (host or "").encode("idna").decode("ascii")
    except UnicodeError as error:
        raise UrlRefused("host") from error
    if not ascii_host or set(ascii_host) & set('<>"\\^`{|}%'):
        raise UrlRefused("host")
    return ascii_host
