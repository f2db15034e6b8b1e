"""
The test session's engines and its environment.

Ports are chosen and the environment is set when this file is loaded, before Django reads its settings; the engines
themselves start when the first test needs them. That is why the settings module is named here and not in
pyproject.toml, where pytest-django would load it before this file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

import django
import pytest

from apps.standalone.engine_runner import EngineRunner
from tests.support.collector import Collector
from tests.support.engines import Engines
from tests.support.ports import free_port_plan, metrics_port_of
from tests.support.stack import Stack

_engines = Engines()
os.environ.update(_engines.environment())
os.environ["DJANGO_SETTINGS_MODULE"] = "apps.api.config.settings.test"


def pytest_configure() -> None:
    """Set Django up before tests are collected: they import models."""
    django.setup()
    # Its report of every request would drown the acceptance test's own.
    logging.getLogger("httpx").setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """All engines of this session; each starts when it is first touched."""
    yield _engines
    _engines.stop()


@pytest.fixture(scope="session")
def postgres_engine(engines: Engines) -> EngineRunner:
    """A running PostgreSQL, the one that Django's settings point to."""
    return engines.postgres


@pytest.fixture(scope="session")
def s3_engine(engines: Engines) -> EngineRunner:
    """A running object storage with an empty bucket, the one that Django's settings point to."""
    return engines.s3


@pytest.fixture(scope="session")
def sqs_engine(engines: Engines) -> EngineRunner:
    """A running queue server with both queues, the one that Django's settings point to."""
    return engines.sqs


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_engine: EngineRunner) -> None:
    """Start PostgreSQL before pytest-django makes its database there."""


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the shared installation's traces go."""
    with Collector() as listening:
        yield listening


@pytest.fixture(scope="session")
def stack(collector: Collector) -> Iterator[Stack]:
    """
    A whole installation with one worker, shared by the tests of this session.

    Tests may kill its processes, which come back; what they pause they resume.
    """
    ports = free_port_plan()
    variables = {"METRICS_PORT": str(metrics_port_of(ports)), "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    running = Stack(ports=ports, variables=variables)
    running.start()
    yield running
    running.close()


@pytest.fixture
def make_stack() -> Iterator[Callable[..., Stack]]:
    """Make installations of a test's own, not yet started; the arguments are those of `Stack`."""
    made: list[Stack] = []

    def make(**options: object) -> Stack:
        made.append(Stack(**options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for stack in made:
        stack.close()


@pytest.fixture
def rewire() -> Iterator[Callable[[], None]]:
    """Let changed settings reach the adapters now, and the unchanged ones after the test."""
    from apps.support.video import wiring as video_wiring
    from apps.support.webhooks import wiring as webhook_wiring

    def forget() -> None:
        for adapter in (*vars(video_wiring).values(), *vars(webhook_wiring).values()):
            if hasattr(adapter, "cache_clear"):
                adapter.cache_clear()

    yield forget
    forget()
