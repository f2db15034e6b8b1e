"""One file over HTTP with ranges, counting what is asked for and what really goes out."""

import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

PIECE_BYTES = 32 * 1024
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class RangeServer:
    """
    Serves while it is open.

    Args:
        round_trip_seconds: Added before each answer, as a storage far away would.
    """

    def __init__(self, path: Path, *, round_trip_seconds: float) -> None:
        self.path = path
        self.round_trip_seconds = round_trip_seconds
        self.requests = 0
        self.sent_bytes = 0
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{self.path.name}"

    def forget(self) -> None:
        """Begin counting anew."""
        self.requests = self.sent_bytes = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler_of(server: RangeServer) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(server.round_trip_seconds)
            with server.lock:
                server.requests += 1
            size_bytes = server.path.stat().st_size
            asked = _RANGE.fullmatch(self.headers.get("Range", "bytes=0-"))
            start = int(asked[1]) if asked else 0
            end = min(int(asked[2]), size_bytes - 1) if asked and asked[2] else size_bytes - 1
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Range", f"bytes {start}-{end}/{size_bytes}")
            self.send_header("Content-Length", str(end - start + 1))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            self._send(start, end)

        def _send(self, start: int, end: int) -> None:
            # A small buffer: what the reader does not want must not count as fetched.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE_BYTES)
            try:
                with server.path.open("rb") as file:
                    file.seek(start)
                    while start <= end:
                        piece = file.read(min(PIECE_BYTES, end - start + 1))
                        self.wfile.write(piece)
                        start += len(piece)
                        with server.lock:
                            server.sent_bytes += len(piece)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    return Answer
