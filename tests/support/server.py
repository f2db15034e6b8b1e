"""The api behind a real socket, in the test's own process and with the test's database."""

from __future__ import annotations

import threading
from socketserver import ThreadingMixIn
from typing import Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.core.handlers.wsgi import WSGIHandler


class ApiServer:
    """Serves while it is open. Tests that use it need `django_db(transaction=True)`: requests run in other threads."""

    def __init__(self) -> None:
        self._server = _ThreadedServer(("127.0.0.1", 0), _QuietHandler)
        self._server.set_app(WSGIHandler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _ThreadedServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return
