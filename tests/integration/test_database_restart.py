"""To everybody behind the pool: when PostgreSQL comes back, so do we, at once."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import pytest
from django.db import connections

from apps.standalone.engine_runner import EngineRunner
from apps.standalone.engines.postgres import DATABASE, FORGETFUL_OPTIONS, ROLE, find_place, postgres_spec
from libs.db.postgresql.base import DatabaseWrapper
from tests.support.engines import temporary_home
from tests.support.ports import free_port_plan

PASSWORD = "restarted"
IDLE = 8


@pytest.fixture
def server() -> Iterator[tuple[EngineRunner, int]]:
    """A PostgreSQL of this test's own, and its port."""
    home, port = temporary_home("restart"), free_port_plan().postgres
    place = find_place(home, password=PASSWORD)
    spec = postgres_spec(place=place, port=port, password=PASSWORD, extra_options=FORGETFUL_OPTIONS)
    runner = EngineRunner(spec=spec, log_file=home.log_folder / "postgres.log")
    runner.start()
    yield runner, port
    runner.kill()
    shutil.rmtree(home.root, ignore_errors=True)


def wrapper(port: int) -> DatabaseWrapper:
    """Return a connection as the application's settings make it, to another server."""
    settings = deepcopy(connections["default"].settings_dict)
    assert settings["ENGINE"] == "libs.db.postgresql"
    settings |= {"HOST": "127.0.0.1", "PORT": str(port), "NAME": DATABASE, "USER": ROLE, "PASSWORD": PASSWORD}
    return DatabaseWrapper(settings, alias=f"port {port}")


def answer(database: DatabaseWrapper) -> int:
    """Ask something over a connection from the pool, and give it back. In a thread that has no event loop, as ours."""

    def ask() -> int:
        connection = database.get_new_connection(database.get_connection_params())
        try:
            return int(connection.execute("SELECT 1").fetchone()[0])
        finally:
            database.pool.putconn(connection)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()


def test_idle_connections_that_died_together_are_dropped_together(server: tuple[EngineRunner, int]) -> None:
    runner, port = server
    database = wrapper(port)
    pool = database.pool
    pool.open()
    taken = [pool.getconn() for _ in range(IDLE)]
    for connection in taken:
        pool.putconn(connection)

    runner.stop()
    runner.start()

    started = time.monotonic()
    assert answer(database) == 1
    seconds = time.monotonic() - started
    assert pool.get_stats()["connections_lost"] >= IDLE - 1
    database.close_pool()
    # The pool alone pauses for a second after the first dead one, and for two after the second.
    assert seconds < 0.9


def test_a_server_that_is_away_is_an_error_in_time(server: tuple[EngineRunner, int]) -> None:
    runner, port = server
    database = wrapper(port)
    assert answer(database) == 1
    runner.stop()
    with pytest.raises(Exception, match=r"couldn't get a connection|refused"):
        answer(database)
    runner.start()
    assert answer(database) == 1
    database.close_pool()
