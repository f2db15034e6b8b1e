"""A bad line between a client and storage: bytes are damaged, connections end, answers are another's."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """One PUT that came along. `part_number` is 0 for one of a whole file; `try_number` counts from 1 for each part."""

    part_number: int
    try_number: int
    size_bytes: int


@dataclass(slots=True)
class Wire:
    """
    A proxy in front of storage that does to each PUT what the test says.

    Attributes:
        rule: Told of each PUT; returns "pass", "damage" (one byte), "cut" (the connection, halfway), or a status such
            as "403" to answer in storage's stead.
        puts: What came along, in order.
    """

    target: str
    rule: Callable[[Put], str] = lambda _: "pass"
    puts: list[Put] = field(default_factory=list)
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

    def decide(self, path: str, size_bytes: int) -> str:
        number = int(parse_qs(urlsplit(path).query).get("partNumber", ["0"])[0])
        with self._lock:
            tries = sum(put.part_number == number for put in self.puts) + 1
            put = Put(part_number=number, try_number=tries, size_bytes=size_bytes)
            self.puts.append(put)
        return self.rule(put)


def _handler_of(wire: Wire) -> type[BaseHTTPRequestHandler]:
    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            size_bytes = int(self.headers["Content-Length"])
            fate = wire.decide(self.path, size_bytes)
            if fate == "cut":
                self.rfile.read(size_bytes // 2)
                self.close_connection = True
                return
            body = bytearray(self.rfile.read(size_bytes))
            if fate.isdigit():
                self.send_response(int(fate))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if fate == "damage":
                body[size_bytes // 2] ^= 1
            self._pass_on("PUT", bytes(body))

        def do_GET(self) -> None:
            self._pass_on("GET", None)

        def _pass_on(self, method: str, body: bytes | None) -> None:
            storage = http.client.HTTPConnection(urlsplit(wire.target).netloc, timeout=30)
            # The signature covers the host: it must be the one that the client asked.
            storage.request(method, self.path, body=body, headers=dict(self.headers))
            answer = storage.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            storage.close()

        def log_message(self, format: str, *args: object) -> None:
            return

    return Relay
