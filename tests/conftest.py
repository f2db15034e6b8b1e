"""
The test run's engines and its environment.

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

from tests.support.collector import Collector
from tests.support.engines import (
    SHARE_VARIABLE,
    TEMPLATE_DATABASE,
    VARIABLE,
    Engines,
    EngineService,
    JoinedEngines,
)
from tests.support.ports import free_port_plan, metrics_port_of
from tests.support.stack import Stack

_own: Engines | None = None
if VARIABLE not in os.environ:
    _own = Engines(has_template=True)
    os.environ[VARIABLE] = EngineService(_own).description()
_engines = JoinedEngines(
    os.environ[VARIABLE], share=os.environ.get("PYTEST_XDIST_WORKER") or os.environ.get(SHARE_VARIABLE) or "main"
)
os.environ.update(_engines.environment())
os.environ["DJANGO_SETTINGS_MODULE"] = "apps.api.config.settings.test"


def pytest_configure() -> None:
    """Set Django up before tests are collected: they import models."""
    django.setup()
    # Its report of every request would drown the acceptance test's own.
    logging.getLogger("httpx").setLevel(logging.WARNING)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Keep a worker's pytest-django from loading the settings before this file has chosen the worker's share."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the engines after the last test of all processes. A secret in one of their logs fails the run."""
    leaks = _own.stop() if _own is not None else []
    if leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        raise pytest.UsageError(f"secrets in the engines' logs: {leaks[:20]}")


@pytest.fixture(scope="session")
def engines() -> JoinedEngines:
    """This process's share of the run's engines; each starts when it is first asked for."""
    return _engines


@pytest.fixture(scope="session")
def postgres_engine(engines: JoinedEngines) -> None:
    """A running PostgreSQL, the one that Django's settings point to."""
    engines.start("postgres")


@pytest.fixture(scope="session")
def s3_engine(engines: JoinedEngines) -> None:
    """A running object storage with an empty bucket, the one that Django's settings point to."""
    engines.start("s3")
    engines.make_bucket()


@pytest.fixture(scope="session")
def sqs_engine(engines: JoinedEngines) -> None:
    """A running queue server with both queues, the one that Django's settings point to."""
    engines.start("sqs")
    engines.make_queues()


@pytest.fixture(scope="module", autouse=True)
def nobody_elses_objects(engines: JoinedEngines) -> None:
    """Begin each file with an empty bucket: what a file sees must not depend on the files before it."""
    engines.empty_bucket()


@pytest.fixture
def own_engines() -> Iterator[Engines]:
    """Engines that nobody else uses, for tests that stop them."""
    engines = Engines()
    yield engines
    leaks = engines.stop()
    assert not leaks, f"secrets in the logs: {leaks[:20]}"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_engine: None) -> None:
    """Start PostgreSQL before pytest-django makes its database there, as a copy of the run's migrated one."""
    from django.db import connections

    connections["default"].settings_dict["TEST"]["TEMPLATE"] = TEMPLATE_DATABASE


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the shared installation's traces go."""
    with Collector() as listening:
        yield listening


@pytest.fixture(scope="session")
def stack(collector: Collector) -> Iterator[Stack]:
    """
    A whole installation with one worker, shared by the tests of this process.

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
