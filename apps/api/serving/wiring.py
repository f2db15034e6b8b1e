"""Puts the api's ASGI application together from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.db import connection

from apps.api.serving.event_streams import EventStreams, StreamPace
from apps.api.serving.feed_hub import FeedHub, Frame
from apps.api.serving.root import Root
from apps.api.serving.wsgi_calls import WsgiApplication, WsgiCalls
from apps.support.video.models import FEED_CHANNEL
from apps.support.video.views.stream_views import frames_after

# Apart from the requests' threads: an event must not wait behind eight uploads that are being verified.
FEED_THREADS = 2


def build_root(application: WsgiApplication, *, at_the_end: Callable[[], None]) -> Root:
    """Return the application that serves requests by `application` and event streams beside them."""
    pace = StreamPace(
        heartbeat_seconds=settings.ACADEMY_STREAM_HEARTBEAT_SECONDS,
        longest_seconds=settings.ACADEMY_STREAM_SECONDS,
    )
    hub = FeedHub(
        channel_name=FEED_CHANNEL,
        connection_params=_connection_params,
        read=_FeedReader(),
        poll_seconds=pace.heartbeat_seconds,
    )
    return Root(
        WsgiCalls(
            application,
            threads=settings.ACADEMY_API_THREADS,
            body_limit_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        ),
        EventStreams(hub, most=settings.ACADEMY_STREAM_LIMIT, pace=pace),
        at_the_end=at_the_end,
    )


class _FeedReader:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(FEED_THREADS, thread_name_prefix="feed")

    async def __call__(self, *, tenant_id: int, after: int) -> list[Frame]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _read, tenant_id, after)


def _read(tenant_id: int, after: int) -> list[Frame]:
    try:
        return list(frames_after(tenant_id=tenant_id, after=after))
    finally:
        # Back into the pool: the thread lives on.
        connection.close()


def _connection_params() -> dict[str, Any]:
    # By a name of its own: an operator who looks at the connections should know what this one waits for. Django's
    # cursor is not one of an asynchronous connection.
    params = connection.get_connection_params() | {"application_name": "academy-video-feed"}
    return {name: value for name, value in params.items() if name not in {"cursor_factory", "context"}}
