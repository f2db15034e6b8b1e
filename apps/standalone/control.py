"""A local socket by which an operator pauses and resumes single processes of a running installation."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from apps.standalone.errors import Misconfigured, StandaloneError

CLIENT_TIMEOUT_SECONDS = 120.0
MAX_REQUEST_BYTES = 4096
VERBS = ("status", "stop", "start", "restart")


@dataclass(slots=True, kw_only=True)
class ControlRequest:
    """One request; whoever handles it calls `answer` once."""

    verb: str
    names: tuple[str, ...]
    _answer: queue.Queue[dict[str, object]] = field(default_factory=lambda: queue.Queue(maxsize=1))

    def answer(self, **content: object) -> None:
        self._answer.put(content)

    def wait(self) -> dict[str, object]:
        return self._answer.get(timeout=CLIENT_TIMEOUT_SECONDS)


class ControlSocket:
    """Accepts requests in a thread of its own, and queues them for the main thread."""

    def __init__(self, path: Path, *, wake: Callable[[], None]) -> None:
        self.requests: queue.Queue[ControlRequest] = queue.Queue()
        self._path = path
        self._wake = wake
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short_path(path) as short:
            self._listener.bind(short)
        path.chmod(0o600)
        self._listener.listen(8)
        threading.Thread(target=self._accept_all, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop accepting."""
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept_all(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                # Closed.
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(CLIENT_TIMEOUT_SECONDS)
            try:
                words = json.loads(connection.makefile("rb").readline(MAX_REQUEST_BYTES))
                request = ControlRequest(verb=str(words[0]), names=tuple(str(word) for word in words[1:]))
                self.requests.put(request)
                self._wake()
                connection.sendall(json.dumps(request.wait()).encode() + b"\n")
            except (OSError, ValueError, LookupError, TypeError, queue.Empty):
                # A client that speaks nonsense or has gone gets no answer.
                return


def send_request(path: Path, words: Sequence[str]) -> dict[str, object]:
    """
    Ask a running installation for something.

    Raises:
        Misconfigured: None runs there.
        StandaloneError: It could not do that.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CLIENT_TIMEOUT_SECONDS)
        try:
            with _short_path(path) as short:
                connection.connect(short)
            connection.sendall(json.dumps(list(words)).encode() + b"\n")
            raw = connection.makefile("rb").readline()
        except OSError as error:
            raise Misconfigured(
                f"Nothing answers at {path} ({error}). Start it with `make run`, or set ACADEMY_HOME."
            ) from error
    answer: dict[str, object] = json.loads(raw) if raw else {"error": "the installation ended before it answered"}
    if "error" in answer:
        raise StandaloneError(str(answer["error"]))
    return answer


@contextmanager
def _short_path(path: Path) -> Iterator[str]:
    # The name of a socket has at most 107 bytes; a folder's descriptor makes any path short.
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
