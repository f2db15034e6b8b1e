"""Machines whose clocks differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def database_ahead(hours: int) -> Iterator[None]:
    """Let the database's clock differ from this machine's, by a function that is found before its own."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA other_time")
        cursor.execute(
            "CREATE FUNCTION other_time.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
            f"$$ SELECT pg_catalog.clock_timestamp() + interval '{hours} hours' $$"
        )
        cursor.execute("SET LOCAL search_path = other_time, pg_catalog, public")
        yield
        cursor.execute("SET LOCAL search_path = public")
