"""PostgreSQL starts wherever the repository was cloned, and after whatever ended it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import psycopg
import pytest

from apps.standalone.engine_runner import EngineRunner
from apps.standalone.engines.postgres import PostgresPlace, database_url, find_place, postgres_spec
from apps.standalone.paths import Home
from tests.support.engines import temporary_home
from tests.support.ports import free_port_plan

PASSWORD = "a password with ' and %"


@pytest.fixture
def home() -> Iterator[Home]:
    made = temporary_home("postgres")
    yield made
    shutil.rmtree(made.root)


@pytest.fixture
def port() -> int:
    return free_port_plan().postgres


def runner(place: PostgresPlace, port: int, home: Home) -> EngineRunner:
    return EngineRunner(
        spec=postgres_spec(place=place, port=port, password=PASSWORD), log_file=home.log_folder / "postgres.log"
    )


def test_a_home_that_nobody_else_may_enter_still_gets_a_database(home: Home, port: int) -> None:
    """To root with a clone under /root: the server runs as another user, who cannot pass through there."""
    home.root.chmod(0o700)
    fallback_root = home.root.with_name(f"{home.root.name}-elsewhere")
    place = find_place(home, password=PASSWORD, fallback_root=fallback_root)
    assert place.folder.is_relative_to(fallback_root if os.geteuid() == 0 else home.root)
    server = runner(place, port, home)
    server.start()
    try:
        with psycopg.connect(database_url(port=port, password=PASSWORD)) as connection:
            connection.execute("CREATE TABLE kept (id int)")
        server.stop()
        assert find_place(home, password=PASSWORD, fallback_root=fallback_root) == place
        server.start()
        with psycopg.connect(database_url(port=port, password=PASSWORD)) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    finally:
        server.kill()
        shutil.rmtree(fallback_root, ignore_errors=True)


def test_a_removed_home_does_not_find_its_old_database(home: Home) -> None:
    home.root.chmod(0o700)
    fallback_root = home.root.with_name(f"{home.root.name}-elsewhere")
    try:
        first = find_place(home, password="first", fallback_root=fallback_root)
        second = find_place(home, password="second", fallback_root=fallback_root)
    finally:
        shutil.rmtree(fallback_root, ignore_errors=True)
    assert (first.folder != second.folder) is (os.geteuid() == 0)


def test_a_pid_file_whose_number_is_another_process_now_is_no_obstacle(home: Home, port: int) -> None:
    server = runner(find_place(home, password=PASSWORD), port, home)
    server.start()
    try:
        pid_file = home.postgres_folder / "data" / "postmaster.pid"
        left_behind = pid_file.read_text().splitlines()
        server.kill()
        # Our own id: it lives, so PostgreSQL alone would take it for a running server.
        pid_file.write_text("\n".join([str(os.getpid()), *left_behind[1:]]) + "\n")
        server.start()
    finally:
        server.kill()


def test_only_the_password_opens_the_database(home: Home, port: int) -> None:
    server = runner(find_place(home, password=PASSWORD), port, home)
    server.start()
    try:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(database_url(port=port, password="wrong"))
    finally:
        server.kill()
