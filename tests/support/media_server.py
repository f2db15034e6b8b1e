"""A web server that serves one object by range, as storage does, and remembers what it handed out."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ETAG = "0123abcd"


@dataclass
class MediaServer:
    """
    What is served and how.

    Args:
        status: Answered instead of the object, unless it is 0.
        reason: Of the status; the usual one when omitted.
        hangs_at: After so many bytes of an answer no more come.
    """

    body: bytes
    status: int = 0
    reason: str | None = None
    hangs_at: int | None = None
    url: str = ""
    bytes_sent_of_answers: list[int] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bytes_sent(self) -> int:
        return sum(self.bytes_sent_of_answers)


@contextmanager
def serving(
    body: bytes, *, status: int = 0, reason: str | None = None, hangs_at: int | None = None
) -> Iterator[MediaServer]:
    """Serve on a free local port until the end of the block."""
    media = MediaServer(body=body, status=status, reason=reason, hangs_at=hangs_at)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"media": media}))
    server.daemon_threads = True
    media.url = f"http://127.0.0.1:{server.server_port}/source.mp4?X-Amz-Signature=c0ffee"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield media
    finally:
        media.closing.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    media: MediaServer

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "bytes=0-")
        self.media.ranges.append(wanted)
        if self.headers.get("If-Match", f'"{ETAG}"') != f'"{ETAG}"':
            self._refuse(412)
        elif self.media.status:
            self._refuse(self.media.status)
        else:
            self._serve(wanted)

    def do_HEAD(self) -> None:
        self._refuse(self.media.status)

    def _refuse(self, status: int) -> None:
        self.send_response(status, self.media.reason)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _serve(self, wanted: str) -> None:
        first, last = _span(wanted, len(self.media.body))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(self.media.body)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        try:
            self._send(self.media.body[first : last + 1])
        except OSError:
            # It has read enough.
            self.close_connection = True

    def _send(self, body: bytes) -> None:
        with self.media.lock:
            self.media.bytes_sent_of_answers.append(0)
            number = len(self.media.bytes_sent_of_answers) - 1
        for offset in range(0, len(body), 16_384):
            if self.media.hangs_at is not None and offset >= self.media.hangs_at:
                self.media.closing.wait()
                return
            piece = body[offset : offset + 16_384]
            self.wfile.write(piece)
            with self.media.lock:
                self.media.bytes_sent_of_answers[number] += len(piece)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


def _span(wanted: str, size: int) -> tuple[int, int]:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
    assert found is not None, wanted
    return int(found[1]), min(size - 1, int(found[2] or size - 1))
