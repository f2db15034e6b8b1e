"""
Server-sent events: holds the connections that `EventStreamView` has let in.

Source:
    https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import structlog
from django.db import DatabaseError

from apps.api.serving.feed_hub import Channel, FeedHub, Frame
from apps.api.serving.wsgi_calls import Answer, Receive, Send
from apps.support.video.views.stream_views import STREAM_HEADER, StreamStart, heartbeat

log = structlog.get_logger(__name__)

# The server takes whatever we send into its memory and does not say when the caller has it. So one that does not read
# can cost this much, and one that does comes back for more by its Last-Event-ID.
MOST_STREAM_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPace:
    """How often a silent stream shows that it lives, and when its caller is checked again by letting it come back."""

    heartbeat_seconds: float
    longest_seconds: float


class EventStreams:
    """The open streams of this process, at most `most` of them."""

    def __init__(self, hub: FeedHub, *, most: int, pace: StreamPace) -> None:
        self._hub = hub
        self._most = most
        self._pace = pace
        self._open: set[_Stream] = set()
        self._is_closing = False

    @property
    def is_full(self) -> bool:
        return self._is_closing or len(self._open) >= self._most

    async def hold(self, start: StreamStart, answer: Answer, receive: Receive, send: Send) -> None:
        """Send the view's answer, then every event of the tenant as it is committed, until one side has had enough."""
        stream = _Stream(self._hub, start=start, pace=self._pace, send=send)
        self._open.add(stream)
        hung_up = asyncio.create_task(_until_hung_up(receive))
        hung_up.add_done_callback(lambda _: stream.end("caller_gone"))
        try:
            await answer.send_start(send, without=frozenset({STREAM_HEADER.lower(), "content-length"}))
            await stream.run(answer.body)
            await send({"type": "http.response.body", "body": b""})
        finally:
            hung_up.cancel()
            self._open.discard(stream)
            stream.log_end()

    def close(self) -> None:
        """End every stream; the callers come back, to another process or to the next one here."""
        self._is_closing = True
        for stream in self._open:
            stream.end("shutdown")
        self._hub.close()


class _Stream:
    def __init__(self, hub: FeedHub, *, start: StreamStart, pace: StreamPace, send: Send) -> None:
        self._hub = hub
        self._tenant_id = start.tenant_id
        self._position = start.after
        self._pace = pace
        self._send = send
        self._wakeup = asyncio.Event()
        self._end_reason = ""
        self._opened_at = time.monotonic()
        self._sent_bytes = 0

    def end(self, reason: str) -> None:
        self._end_reason = self._end_reason or reason
        self._wakeup.set()

    async def run(self, greeting: bytes) -> None:
        await self._write(greeting)
        channel = self._hub.join(tenant_id=self._tenant_id, after=self._position, wakeup=self._wakeup)
        try:
            while not self._end_reason:
                # Before looking, so that what comes while we look is not slept through.
                self._wakeup.clear()
                frames = await self._frames(channel)
                if frames and not self._end_reason:
                    await self._write(b"".join(frame.body for frame in frames))
                    self._position = frames[-1].position
                elif not self._end_reason:
                    await self._wait()
                self._end_what_is_over()
        finally:
            self._hub.leave(channel, self._wakeup)

    def log_end(self) -> None:
        log.info(
            "event_stream_ended",
            tenant_id=self._tenant_id,
            reason=self._end_reason or "broken",
            position=self._position,
            duration_ms=round((time.monotonic() - self._opened_at) * 1000),
            size_bytes=self._sent_bytes,
        )

    async def _frames(self, channel: Channel) -> list[Frame]:
        kept = channel.frames_after(self._position)
        if kept is not None:
            return kept
        try:
            return await self._hub.read(tenant_id=self._tenant_id, after=self._position)
        except DatabaseError as error:
            log.warning("feed_not_read", tenant_id=self._tenant_id, error=str(error))
            self.end("database_unavailable")
            return []

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._pace.heartbeat_seconds):
                await self._wakeup.wait()
        except TimeoutError:
            await self._write(heartbeat(self._position))

    async def _write(self, body: bytes) -> None:
        self._sent_bytes += len(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    def _end_what_is_over(self) -> None:
        if self._sent_bytes >= MOST_STREAM_BYTES:
            self.end("long_enough")
        elif time.monotonic() - self._opened_at >= self._pace.longest_seconds:
            self.end("old_enough")


async def _until_hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
