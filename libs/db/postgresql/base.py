"""
Django's PostgreSQL with a pool that gets over a restart of the server at once.

The pool's own check takes one idle connection after the other, and pauses for a second, two, four between dead ones:
after a restart a request would time out on connections that all died at the same moment.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

TRIES = 3


class DatabaseWrapper(base.DatabaseWrapper):
    """Checks a connection when it is taken from the pool; a dead one is the reason to look at all others at once."""

    def get_new_connection(self, conn_params: Mapping[str, Any]) -> Any:
        """Return a connection that has just answered."""
        for tries_left in reversed(range(TRIES)):
            connection = super().get_new_connection(conn_params)
            if self.pool is None:
                return connection
            try:
                ConnectionPool.check_connection(connection)
            except psycopg.OperationalError:
                self.pool.putconn(connection)
                self.pool.check()
                if tries_left == 0:
                    raise
            else:
                return connection
        raise AssertionError("unreachable")
