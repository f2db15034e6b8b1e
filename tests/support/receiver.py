"""Somebody else's server, which takes webhooks and answers as a test wants."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
"""What a server that wants TLS answers to plain HTTP, `protocol_version`: no text, with a NUL in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request. Names of headers are in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to answer, and what to do before."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    before: Callable[[], object] = lambda: None
    """Called before anything is sent back."""
    raw: Iterator[bytes] | None = None
    """Sent instead of all the above, piece by piece."""


def always(status: int, **parts: Any) -> Callable[[Received], Reply]:
    """Answer everything the same way."""
    return lambda _received: Reply(status=status, **parts)


class Receiver:
    """Listens on loopback while it is open; `answer` may be changed at any time."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Reply] = always(200)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?key=value"

    @property
    def names(self) -> list[str]:
        return [received.document["type"] for received in self.received]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(path=self.path, headers=headers, body=body)
            receiver.received.append(received)
            reply = receiver.answer(received)
            reply.before()
            try:
                self._reply(reply)
            except OSError:
                # The caller has hung up, which is what some tests want.
                return

        def _reply(self, reply: Reply) -> None:
            for piece in reply.raw or ():
                self.wfile.write(piece)
            if reply.raw is not None:
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler
