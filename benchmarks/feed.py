"""
What positions at commit cost, over real PostgreSQL, all in one run.

Prints: transactions of one event per second with and without the trigger that gives the position, by one writer, by
many of one tenant and by as many of different tenants.

    python -m benchmarks.feed [--writers 8] [--seconds 3]
"""

import argparse
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

from apps.standalone.engine_runner import EngineRunner
from apps.standalone.engines.postgres import find_place, postgres_spec
from apps.standalone.paths import Home
from tests.support.engines import Engines, temporary_home

TRIGGER = "ALTER TABLE video_event {} TRIGGER video_event_take_position"


def main() -> None:
    options = _options()
    home = temporary_home("feed-benchmark")
    postgres = _start_postgres(home)
    try:
        for name, writers, tenants in (
            ("one writer", 1, 1),
            (f"{options.writers} writers of one tenant", options.writers, 1),
            (f"{options.writers} writers of {options.writers} tenants", options.writers, options.writers),
        ):
            videos = _videos(writers=writers, tenants=tenants)
            without = _events_per_second(videos, seconds=options.seconds, positions=False)
            numbered = _events_per_second(videos, seconds=options.seconds, positions=True)
            print(f"{name}: {without:5.0f}/s without, {numbered:5.0f}/s with positions, {numbered / without:.2f}")
    finally:
        postgres.kill()
        shutil.rmtree(home.root)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0)
    return parser.parse_args()


def _start_postgres(home: Home) -> EngineRunner:
    """Start a PostgreSQL that writes to disk before a commit is one, which the tests' own does not."""
    engines = Engines()
    password = engines.credentials.database_password
    spec = postgres_spec(place=find_place(home, password=password), port=engines.ports.postgres, password=password)
    os.environ.update(engines.environment(), ACADEMY_LOG_LEVEL="ERROR")
    os.environ["DJANGO_SETTINGS_MODULE"] = "apps.api.config.settings.test"
    postgres = EngineRunner(spec=spec, log_file=home.log_folder / "postgres.log")
    postgres.start()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return postgres


def _videos(*, writers: int, tenants: int) -> list[tuple[int, int]]:
    """Return a video for each writer, as tenant and id."""
    from tests.support.videos import Pipeline

    pipelines = [Pipeline(code=f"feed-{writers}-{tenants}-{number}") for number in range(tenants)]
    made = [(pipelines[number % tenants], pipelines[number % tenants].pending()) for number in range(writers)]
    return [(pipeline.tenant.pk, video.pk) for pipeline, video in made]


def _events_per_second(videos: list[tuple[int, int]], *, seconds: float, positions: bool) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(TRIGGER.format("ENABLE" if positions else "DISABLE"))
    with ThreadPoolExecutor(len(videos)) as writers:
        deadline = time.perf_counter() + seconds
        counts = writers.map(lambda video: _write_until(deadline, tenant_id=video[0], video_id=video[1]), videos)
        return sum(counts) / seconds


def _write_until(deadline: float, *, tenant_id: int, video_id: int) -> int:
    from django.db import connection, transaction

    written = 0
    while time.perf_counter() < deadline:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO video_event (tenant_id, video_id, name, at, actor, data)
                VALUES (%s, %s, 'video_updated', now(), 'benchmark', '{}')
                """,
                [tenant_id, video_id],
            )
        written += 1
    connection.close()
    return written


if __name__ == "__main__":
    main()
