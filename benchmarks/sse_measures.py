"""What `benchmarks.sse` measures. Needs Django set up."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Literal

import httpx
import psutil

from apps.core.api_keys import issue_api_key
from apps.standalone.processes import api_command
from apps.support.video.models import Video
from apps.support.video.services.editing import update_video
from libs.clock import SystemClock
from tests.support.api import VIDEOS
from tests.support.ports import free_port_plan
from tests.support.videos import Pipeline
from tests.support.waiting import wait_until

CONNECTIONS = 16
CLOCK = SystemClock()
EVENT_START = b'data: {"position":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running api."""

    port: int
    pid: int

    def memory_mib(self) -> float:
        """Return what the serving process holds in memory that it shares with nobody."""
        (serving,) = psutil.Process(self.pid).children()
        return float(serving.memory_full_info().uss) / 1024**2


@contextmanager
def serving(interface: Literal["wsgi", "asgi"]) -> Iterator[Server]:
    """Run the api as an installation does, or by the server's own WSGI interface with as many threads."""
    port = free_port_plan().web
    command = list(api_command(port=port))
    if interface == "wsgi":
        command[command.index("asgi")] = "wsgi"
        command[-1:] = ["--blocking-threads", "8", "apps.api.config.wsgi:application"]
    process = subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "ACADEMY_STREAM_SECONDS": "3600", "ACADEMY_CALLS_PER_MINUTE": "1000000"},
    )
    try:
        wait_until(lambda: _is_healthy(port), timeout_seconds=30, message="the api is healthy")
        yield Server(port=port, pid=process.pid)
    finally:
        process.terminate()
        process.wait()


class Streams:
    """Open streams, and the times at which each of them got each event."""

    def __init__(self, video: Video) -> None:
        self._video = video
        self.received: dict[int, list[float]] = {}
        self.open_count = 0

    def latency_ms(self, *, events: int) -> tuple[float, float]:
        """Commit events one after the other; return p50 and p99 of the time until each stream had each of them."""
        committed: list[float] = []
        for number in range(events):
            update_video(
                tenant=self._video.tenant, video_id=self._video.pk, actor="user:1", clock=CLOCK, title=f"{number}강"
            )
            committed.append(time.perf_counter())
            position = number + 2
            wait_until(lambda: len(self.received.get(position, [])) == self.open_count, timeout_seconds=30)  # noqa: B023
        measured = sorted(
            (at - committed_at) * 1000
            for number, committed_at in enumerate(committed)
            for at in self.received[number + 2]
        )
        return measured[len(measured) // 2], measured[int(len(measured) * 0.99)]


class Measures:
    """One tenant with one video, several questions."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._pipeline = Pipeline(code="benchmark", clock=CLOCK)
        self._video = self._pipeline.pending()
        self._key = issue_api_key(tenant=self._pipeline.tenant, name="benchmark").plaintext

    def requests_per_second(self, server: Server, path: str) -> float:
        """Return how many requests a second are answered over a handful of connections that stay open."""
        request = self._request(server, f"/{path}")
        command = [sys.executable, "-m", "benchmarks.sse_load", str(server.port), str(CONNECTIONS), str(self._seconds)]
        return float(subprocess.run(command, input=request, check=True, stdout=subprocess.PIPE).stdout)

    @contextmanager
    def open_streams(self, server: Server, *, count: int) -> Iterator[Streams]:
        """Hold so many streams open, each with its own connection."""
        streams = Streams(self._video)
        loop = asyncio.new_event_loop()
        Thread(target=loop.run_forever, daemon=True).start()
        request = self._request(server, f"{VIDEOS}events/stream/")
        opened: list[Future[None]] = []
        for _ in range(count):
            opened.append(asyncio.run_coroutine_threadsafe(_open(server.port, request, streams, loop), loop))
            if len(opened) % 50 == 0:
                opened[-1].result(timeout=60)
        wait_until(lambda: streams.open_count == count, timeout_seconds=120, message="all streams are open")
        try:
            yield streams
        finally:
            loop.call_soon_threadsafe(loop.stop)

    def _request(self, server: Server, path: str) -> bytes:
        lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {self._key}", "", "")
        return "\r\n".join(lines).encode()


class _StreamProtocol(asyncio.Protocol):
    def __init__(self, request: bytes, streams: Streams) -> None:
        self._request = request
        self._streams = streams
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, chunk: bytes) -> None:
        now = time.perf_counter()
        if not self._is_open and b"event: heartbeat" in chunk:
            self._is_open = True
            self._streams.open_count += 1
        for line in chunk.splitlines():
            if line.startswith(EVENT_START):
                position = int(line[len(EVENT_START) : line.index(b",")])
                self._streams.received.setdefault(position, []).append(now)


async def _open(port: int, request: bytes, streams: Streams, loop: asyncio.AbstractEventLoop) -> None:
    await loop.create_connection(lambda: _StreamProtocol(request, streams), "127.0.0.1", port)


def _is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
