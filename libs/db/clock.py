"""The clock that every process of an installation shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection


@dataclass(frozen=True, slots=True)
class DatabaseClock:
    """
    PostgreSQL's clock, for times that one process writes and another compares, whatever their machines' clocks say.

    Each answer is a round trip, and moves on within a transaction too.

    Source:
        https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT
    """

    def now(self) -> datetime:
        """Return the time, aware and in UTC. Raises `DatabaseError` while the database is away."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
        return moment.astimezone(UTC)
