"""The api's ASGI application: one address for requests, which Django answers as WSGI, and for event streams."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

from apps.api.serving.event_streams import EventStreams
from apps.api.serving.wsgi_calls import CallerGone, Receive, Scope, Send, WsgiCalls
from apps.support.video.views.stream_views import STREAM_HEADER, STREAMS_FULL, StreamStart


class Root:
    """
    Lets Django answer everything.

    An answer with the header `X-Event-Stream` has been let in as an event stream: who may follow what is decided in a
    view, like everything else, and only the waiting is done here.

    Args:
        at_the_end: Called when the server stops. Its serving process ends without Python's own hooks.
    """

    def __init__(self, calls: WsgiCalls, streams: EventStreams, *, at_the_end: Callable[[], None]) -> None:
        self._calls = calls
        self._at_the_end = at_the_end
        self._streams = streams
        self._listens_to_signals = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._calls.answer(scope, receive, **{STREAMS_FULL: self._streams.is_full})
        except CallerGone:
            return
        let_in = answer.header(STREAM_HEADER)
        if let_in is None or scope["method"] != "GET":
            await answer.send(send)
            return
        self._listen_to_signals()
        await self._streams.hold(StreamStart.parse(let_in), answer, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._streams.close()
        self._calls.close()
        await asyncio.to_thread(self._at_the_end)
        await send({"type": "lifespan.shutdown.complete"})

    def _listen_to_signals(self) -> None:
        # A server that is told to stop waits for its open answers first and tells the application afterwards, but an
        # event stream has no end. The server's own handler goes on: asyncio and uvloop get it from a file descriptor.
        if self._listens_to_signals:
            return
        self._listens_to_signals = True
        loop = asyncio.get_running_loop()

        def end_streams(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._streams.close)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end_streams)
