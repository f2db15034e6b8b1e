"""The api as an installation runs it, in a process of its own, over the test session's database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx
from django.db import connection

from apps.api.config.reference import all_settings
from apps.standalone.launch import die_with_parent
from apps.standalone.paths import REPOSITORY
from apps.standalone.processes import api_command
from tests.support.leaks import leaks_in
from tests.support.ports import free_port_plan
from tests.support.waiting import wait_until

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 20.0


class ApiProcess:
    """
    Serves while it is open.

    Args:
        log_file: Where its output goes.
        variables: More environment variables, `ACADEMY_STREAM_LIMIT` and the like.
    """

    def __init__(self, *, log_file: Path, variables: dict[str, str] | None = None) -> None:
        self._port = free_port_plan().web
        self._variables = variables or {}
        self.log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The main process; the one that serves is its child."""
        if self._process is None:
            raise RuntimeError("the api is not running")
        return self._process.pid

    @property
    def serving_pid(self) -> int:
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])

    def __enter__(self) -> Self:
        # pytest-django has renamed the database since the environment was set.
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        test_process = os.getpid()
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *api_command(port=self._port)],
                cwd=REPOSITORY,
                env={**os.environ, "DATABASE_URL": database.geturl(), **self._hosts(), **self._variables},
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: die_with_parent(test_process),  # noqa: PLW1509
            )
        try:
            wait_until(self._is_healthy, timeout_seconds=START_TIMEOUT_SECONDS, message="the api is healthy")
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.log_file.read_text()}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it as the supervisor does, if it runs, and wait until it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_TIMEOUT_SECONDS)
            self._process = None
            leaks = leaks_in(self.log_file.parent, _own_secrets())
            assert not leaks, f"secrets in the log: {leaks[:20]}"

    def _hosts(self) -> dict[str, str]:
        return {
            "ACADEMY_ALLOWED_HOSTS": "127.0.0.1,testserver",
            "DJANGO_SETTINGS_MODULE": "apps.api.config.settings.test",
        }

    def _is_healthy(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"ended with status {self._process.returncode}:\n{self.log_file.read_text()}")
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def _own_secrets() -> dict[str, str]:
    """Return the secrets of the test session's own settings, by their variables."""
    names = {name for name, setting in all_settings().items() if setting.kind.startswith("secret")}
    return {name: os.environ[name] for name in names if os.environ.get(name)}
