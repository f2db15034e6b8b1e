"""A web server that nobody should ask for anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Canary:
    """Remembers who came. `url` is its address, without a slash at the end."""

    url: str
    requests: list[str] = field(default_factory=list)


@contextmanager
def listening_canary(*, body: bytes = b"secret") -> Iterator[Canary]:
    """Serve on a free local port until the end of the block."""
    canary = Canary(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            canary.requests.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    canary.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield canary
    finally:
        server.shutdown()
        server.server_close()
