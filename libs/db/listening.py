"""Being told of commits, on a connection of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection
from psycopg import sql


@contextmanager
def listening(*channels: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Open a connection beside Django's that waits idle for notifications; ask its `notifies`."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as listener:
        for channel in channels:
            listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        yield listener
