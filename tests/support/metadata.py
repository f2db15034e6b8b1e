"""A spot machine's metadata service, as IMDSv2 answers."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

TOKEN = "a-session-token"


class MetadataService:
    """Serves while it is open. `is_going` is what it says of the machine; it answers nobody without a token."""

    def __init__(self) -> None:
        self.is_going = False
        self.is_broken = False
        self.questions: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answers())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answers(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Answers(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                has_ttl = "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
                fine = self.path == "/latest/api/token" and has_ttl and not service.is_broken
                self.answer(200 if fine else 400, TOKEN if fine else "")

            def do_GET(self) -> None:
                service.questions.append(self.path)
                if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                    self.answer(401, "")
                elif service.is_going and self.path == "/latest/meta-data/spot/instance-action":
                    self.answer(200, '{"action": "terminate", "time": "2026-03-02T12:02:00Z"}')
                else:
                    self.answer(404, "")

            def answer(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                return

        return Answers
