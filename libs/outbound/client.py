"""
Sends a request to an address that a stranger chose.

The name is resolved once, every address of it is checked, and the connection goes to the address that was checked: a
name that answers differently a moment later changes nothing. TLS still asks for the name's certificate. Redirects are
answers like any other; proxies of the environment are not used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Timer
from typing import Literal

import certifi

from .addresses import AddressPolicy
from .target import Target, UrlRefused, read_target

SEND_TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 5.0
ANSWER_BYTES_KEPT = 1024
# A name with many dead addresses must not use up the whole time.
ADDRESSES_TRIED = 3
LONGEST_RETRY_AFTER_SECONDS = 3600.0

SendFault = Literal[
    "url_refused",
    "name_not_resolved",
    "address_refused",
    "connect_failed",
    "tls_failed",
    "timed_out",
    "answer_broken",
]
Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a name. Raises OSError."""


class SendFailed(Exception):
    """
    There is no answer; `fault` is stable, `detail` is for people and may be a stranger's words, at most 1 KiB.

    The request may have arrived all the same.
    """

    def __init__(self, fault: SendFault, detail: str = "") -> None:
        self.fault: SendFault = fault
        self.detail = detail
        super().__init__(f"{fault}: {detail}" if detail else fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `body` is its beginning, as text."""

    status: int
    body: str
    retry_after_seconds: float | None


class OutboundClient:
    """
    POSTs bodies. May be used by many threads.

    Args:
        policy: Which addresses may be called.
        allow_http: Whether URLs without TLS may be called.
        resolve: The machine's resolver by default.
        timeout_seconds: For everything after the name is resolved, whatever the other side does.
    """

    def __init__(
        self,
        *,
        policy: AddressPolicy,
        allow_http: bool,
        resolve: Resolver | None = None,
        timeout_seconds: float = SEND_TIMEOUT_SECONDS,
    ) -> None:
        self._allow_http = allow_http
        self._policy = policy
        self._resolve = resolve or _resolve_by_machine
        self._timeout_seconds = timeout_seconds

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        # Beside those of the system, which a slim image may lack.
        context.load_verify_locations(certifi.where())
        return context

    def check(self, url: str) -> None:
        """
        Refuse what can be refused without asking anybody: a URL that is none for us, or an address inside.

        Raises:
            SendFailed: `url_refused` or `address_refused`.
        """
        target = self._target_of(url)
        try:
            is_allowed = self._policy.allows(target.host)
        except ValueError:
            # A name. What it stands for is known, and checked, when it is called.
            return
        if not is_allowed:
            raise SendFailed("address_refused")

    def look_up(self, url: str) -> None:
        """
        Resolve a URL's name and check its addresses, as a send would, and connect to none.

        Raises:
            SendFailed: `url_refused`, `name_not_resolved` or `address_refused`.
        """
        self._addresses_of(self._target_of(url))

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """
        Send once, and return the answer whatever its status.

        Raises:
            SendFailed: No answer, or the URL leads where we do not go.
        """
        target = self._target_of(url)
        connection = _PinnedConnection(
            target,
            addresses=self._addresses_of(target),
            deadline=time.monotonic() + self._timeout_seconds,
            tls=self._tls if target.is_tls else None,
        )
        # A time-out of the socket begins anew with every byte. This one does not.
        watchdog = Timer(self._timeout_seconds, connection.abort)
        watchdog.daemon = True
        watchdog.start()
        try:
            return _exchange(connection, target, headers=headers, body=body)
        finally:
            watchdog.cancel()
            connection.close()

    def _target_of(self, url: str) -> Target:
        try:
            return read_target(url, allow_http=self._allow_http)
        except UrlRefused as error:
            raise SendFailed("url_refused", error.fault) from error

    def _addresses_of(self, target: Target) -> list[str]:
        try:
            addresses = list(dict.fromkeys(self._resolve(target.host, target.port)))
        except (OSError, UnicodeError) as error:
            raise SendFailed("name_not_resolved", str(error)) from error
        if not addresses:
            raise SendFailed("name_not_resolved", "no address")
        if not all(self._policy.allows(address) for address in addresses):
            # Which address it is, is what somebody who maps our network wants to know.
            raise SendFailed("address_refused")
        return addresses[:ADDRESSES_TRIED]


class _PinnedConnection(http.client.HTTPConnection):
    """Speaks to given addresses in the name of a host, and never longer than until a deadline."""

    def __init__(
        self, target: Target, *, addresses: Sequence[str], deadline: float, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(target.host, target.port)
        # Whether the Host header names the port goes by this.
        self.default_port = 443 if tls else 80
        self.is_aborted = False
        self._addresses = addresses
        self._deadline = deadline
        self._tls = tls
        # `sock` is let go as soon as an answer begins that the connection ends with.
        self._wire: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self._wire = self._connect_plain()
        self.sock.settimeout(self._remaining_seconds())
        if self._tls is not None:
            # The handshake apart, so that `abort` can reach the socket during it.
            secured = self._tls.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = self._wire = secured
            secured.do_handshake()

    def abort(self) -> None:
        """End whatever is going on, from another thread: a read there comes to its end at once."""
        self.is_aborted = True
        if self._wire is not None:
            _shut_down(self._wire)

    def _connect_plain(self) -> socket.socket:
        failure: OSError = TimeoutError("no time left")
        for address in self._addresses:
            try:
                seconds = min(CONNECT_TIMEOUT_SECONDS, self._remaining_seconds())
                return socket.create_connection((address, self.port), timeout=seconds)
            except OSError as error:
                failure = error
        raise failure

    def _remaining_seconds(self) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("no time left")
        return remaining


def _exchange(connection: _PinnedConnection, target: Target, *, headers: Mapping[str, str], body: bytes) -> Answer:
    try:
        connection.connect()
    except ssl.SSLError as error:
        raise _failed(connection, "tls_failed", error) from error
    except OSError as error:
        raise _failed(connection, "connect_failed", error) from error
    try:
        connection.request("POST", target.path, body=body, headers=dict(headers))
        with connection.getresponse() as response:
            if connection.is_aborted:
                # Its head was cut off, which passes for its end.
                raise TimeoutError
            kept = _beginning_of(response)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(connection, "answer_broken", error) from error
    return Answer(
        status=response.status,
        body=_shown(kept.decode("utf-8", "replace")),
        retry_after_seconds=_retry_after_seconds(response.getheader("Retry-After", "")),
    )


def _beginning_of(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(ANSWER_BYTES_KEPT)
    except http.client.IncompleteRead as error:
        return error.partial
    except (OSError, http.client.HTTPException, ValueError):
        # The status has come, and is the answer.
        return b""


def _failed(connection: _PinnedConnection, fault: SendFault, error: Exception) -> SendFailed:
    if connection.is_aborted or isinstance(error, TimeoutError):
        return SendFailed("timed_out")
    # The words of the system, without the address that an OSError may carry; or what the receiver sent instead of HTTP.
    return SendFailed(fault, _shown(getattr(error, "strerror", None) or str(error) or type(error).__name__))


def _shown(text: str) -> str:
    """Cut what a stranger has written, and take the NULs out, which PostgreSQL's text and JSON cannot hold."""
    return text[:ANSWER_BYTES_KEPT].replace("\x00", "�")


def _retry_after_seconds(text: str | None) -> float | None:
    given = (text or "").strip()
    return min(float(given), LONGEST_RETRY_AFTER_SECONDS) if given.isascii() and given.isdigit() else None


def _shut_down(connected: socket.socket) -> None:
    try:
        # Of the plain class: the TLS socket's own method would take its state from under the reader.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        # Closed by the other side, or by its user, a moment ago.
        return


def _resolve_by_machine(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
