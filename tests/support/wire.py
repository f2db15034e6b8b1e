"""A bad line between a client and storage: bytes are damaged, connections end, answers are another's."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tests.support.waiting import wait_until

HELD_AT_MOST_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """One PUT that came along. `part_number` is 0 for one of a whole file; `try_number` counts from 1 for each part."""

    part_number: int
    try_number: int
    size_bytes: int


class Gate:
    """A rule for a line: lets a number of PUTs pass, and holds all others until it is opened, or the line is cut."""

    def __init__(self, *, passing: int) -> None:
        self._left = passing
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self._fate = "pass"

    def __call__(self, put: Put) -> str:
        with self._lock:
            self._left -= 1
            is_held = self._left < 0
        if not is_held or self._opened.is_set():
            return "pass"
        self._opened.wait(HELD_AT_MOST_SECONDS)
        return self._fate

    def open(self) -> None:
        """Let go of what is held, and of everything that comes."""
        self._opened.set()

    def cut(self) -> None:
        """Let nothing of what is held arrive, and everything that comes."""
        self._fate = "cut"
        self._opened.set()


@dataclass(slots=True)
class Wire:
    """
    A proxy in front of storage that does to each PUT what the test says.

    Attributes:
        rule: Told of each PUT; returns "pass", "damage" (one byte), "cut" (the connection, halfway), or a status such
            as "403" to answer in storage's stead.
        puts: What came along, in order.
        delivered: Those that storage has taken.
    """

    target: str
    rule: Callable[[Put], str] = lambda _: "pass"
    puts: list[Put] = field(default_factory=list)
    delivered: list[Put] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def put_bytes(self) -> int:
        return sum(put.size_bytes for put in self.puts)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def renew(self) -> None:
        """Forget what came along, and let everything pass."""
        with self._lock:
            self.puts, self.delivered, self.rule = [], [], lambda _: "pass"

    def wait_until_silent(self, *, seconds: float = 1.0) -> int:
        """
        Wait until nothing has come along for so long, and return how many PUTs have.

        A browser that was closed may still have some on their way.
        """
        count, since = len(self.puts), time.monotonic()

        def is_silent() -> bool:
            nonlocal count, since
            if len(self.puts) != count:
                count, since = len(self.puts), time.monotonic()
            return time.monotonic() - since >= seconds

        wait_until(is_silent, timeout_seconds=30, message="the line is silent")
        return count

    def decide(self, path: str, size_bytes: int) -> tuple[Put, str]:
        number = int(parse_qs(urlsplit(path).query).get("partNumber", ["0"])[0])
        with self._lock:
            tries = sum(put.part_number == number for put in self.puts) + 1
            put = Put(part_number=number, try_number=tries, size_bytes=size_bytes)
            self.puts.append(put)
        return put, self.rule(put)


def _handler_of(wire: Wire) -> type[BaseHTTPRequestHandler]:
    class Relay(_Relay):
        line = wire

    return Relay


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    line: Wire

    def do_PUT(self) -> None:
        size_bytes = int(self.headers["Content-Length"])
        put, fate = self.line.decide(self.path, size_bytes)
        body = bytearray(self.rfile.read(size_bytes // 2 if fate == "cut" else size_bytes))
        if len(body) < size_bytes:
            # Cut, or the sender has gone in the middle of it.
            self.close_connection = True
        elif fate.isdigit():
            self._answer(int(fate), {}, b"")
        else:
            if fate == "damage":
                body[size_bytes // 2] ^= 1
            status, headers, content = self._ask_storage(bytes(body))
            if status == HTTPStatus.OK:
                # Before the sender hears of it: what it does next may be what a test looks at.
                self.line.delivered.append(put)
            self._answer(status, headers, content)

    def do_GET(self) -> None:
        self._answer(*self._ask_storage(None))

    def do_OPTIONS(self) -> None:
        self._answer(*self._ask_storage(None))

    def _ask_storage(self, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        storage = http.client.HTTPConnection(urlsplit(self.line.target).netloc, timeout=30)
        # The signature covers the host: it must be the one that the client asked.
        storage.request(self.command, self.path, body=body, headers=dict(self.headers))
        answer = storage.getresponse()
        content = answer.read()
        storage.close()
        return answer.status, dict(answer.getheaders()), content

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        # Whoever asked may have gone.
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        return
