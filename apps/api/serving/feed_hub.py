"""
One look at the database for all who follow a tenant's feed in this process.

A connection of its own listens for commits; a tenant's new events are read once and kept for a while as finished
frames. Followers come for them at their own pace: one that is slow costs a number, not a queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any, Protocol

import psycopg
import structlog

log = structlog.get_logger(__name__)

FRAMES_KEPT = 256
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


class Frame(Protocol):
    """An event, ready to be sent."""

    @property
    def position(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class FrameReader(Protocol):
    """Reads a tenant's feed in the database, in a thread."""

    async def __call__(self, *, tenant_id: int, after: int) -> list[Frame]: ...


class Channel:
    """The newest events of one tenant, and who waits for more."""

    def __init__(self, *, tenant_id: int, after: int) -> None:
        self.tenant_id = tenant_id
        self.head = after
        self.wakeups: set[asyncio.Event] = set()
        self._kept_after = after
        """Whatever lies behind this position, up to `head`, is in `_frames`."""
        self._frames: deque[Frame] = deque()

    def add(self, frames: Iterable[Frame]) -> None:
        """Keep the frames behind `head` and wake everyone."""
        for frame in frames:
            self._frames.append(frame)
            self.head = frame.position
        while len(self._frames) > FRAMES_KEPT:
            self._kept_after = self._frames.popleft().position
        for wakeup in self.wakeups:
            wakeup.set()

    def frames_after(self, position: int) -> list[Frame] | None:
        """Return the frames behind a position, or None when they are not all kept."""
        if position < self._kept_after:
            return None
        return list(takewhile(lambda frame: frame.position > position, reversed(self._frames)))[::-1]


class FeedHub:
    """
    Keeps the channels of this process up to date.

    Args:
        channel_name: Where commits are notified, with the tenant's id.
        connection_params: Returns what `psycopg` needs to connect.
        read: Reads events from the database.
        poll_seconds: How long a commit may stay unseen when its notification is lost.
    """

    def __init__(
        self,
        *,
        channel_name: str,
        connection_params: Callable[[], dict[str, Any]],
        read: FrameReader,
        poll_seconds: float,
    ) -> None:
        self.read = read
        self._channel_name = channel_name
        self._connection_params = connection_params
        self._poll_seconds = poll_seconds
        self._channels: dict[int, Channel] = {}
        self._stale: set[int] = set()
        self._has_stale = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def join(self, *, tenant_id: int, after: int, wakeup: asyncio.Event) -> Channel:
        """Return a tenant's channel, which sets `wakeup` whenever it has something more."""
        self._start()
        channel = self._channels.get(tenant_id)
        if channel is None:
            channel = self._channels[tenant_id] = Channel(tenant_id=tenant_id, after=after)
        channel.wakeups.add(wakeup)
        # Something may have been committed since the follower was told where it stands.
        self._mark_stale(tenant_id)
        return channel

    def leave(self, channel: Channel, wakeup: asyncio.Event) -> None:
        """Forget a follower, and the channel with the last one."""
        channel.wakeups.discard(wakeup)
        if not channel.wakeups:
            self._channels.pop(channel.tenant_id, None)

    def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._refresh_stale())]

    def _mark_stale(self, tenant_id: int) -> None:
        if tenant_id in self._channels:
            self._stale.add(tenant_id)
            self._has_stale.set()

    def _mark_all_stale(self) -> None:
        for tenant_id in self._channels:
            self._mark_stale(tenant_id)

    async def _listen(self) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._listen_until_lost()
            except Exception as error:  # noqa: BLE001 - a process loop: without it every stream would fall silent
                log.warning("feed_listener_lost", error=repr(error), pause_seconds=pause_seconds)
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(LONGEST_PAUSE_SECONDS, pause_seconds * 2)

    async def _listen_until_lost(self) -> None:
        connection = await psycopg.AsyncConnection.connect(**self._connection_params(), autocommit=True)
        async with connection:
            await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(self._channel_name)))
            while True:
                # Also right after connecting: nobody told us what was committed while we did not listen.
                self._mark_all_stale()
                async for notification in connection.notifies(timeout=self._poll_seconds):
                    self._mark_stale(int(notification.payload))
                # A connection that has died without a word is found out by using it.
                await connection.execute("SELECT 1")

    async def _refresh_stale(self) -> None:
        while True:
            await self._has_stale.wait()
            self._has_stale.clear()
            stale, self._stale = self._stale, set()
            await asyncio.gather(*(self._refresh(self._channels[known]) for known in stale & self._channels.keys()))

    async def _refresh(self, channel: Channel) -> None:
        try:
            while frames := await self.read(tenant_id=channel.tenant_id, after=channel.head):
                channel.add(frames)
        except Exception as error:  # noqa: BLE001 - a process loop: the other tenants' streams go on
            # Tried again within the poll's time, also without a notification.
            log.warning("feed_not_read", tenant_id=channel.tenant_id, error=repr(error))
