"""Every process of a standalone installation, as `ProcessSpec`s."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace

from apps.standalone.credentials import Credentials
from apps.standalone.engines.postgres import find_place, postgres_spec
from apps.standalone.engines.s3 import s3_spec
from apps.standalone.engines.sqs import sqs_spec
from apps.standalone.environment import (
    BUCKET,
    DLQ_NAME,
    QUEUE_NAME,
    TENANT_CODE,
    TENANT_NAME,
    process_environment,
    seed_environment,
    web_origin,
)
from apps.standalone.errors import Misconfigured, NotReady
from apps.standalone.launch import ProcessSpec
from apps.standalone.orphans import home_marker
from apps.standalone.paths import REPOSITORY, Home
from apps.standalone.ports import PortPlan

MAX_WORKERS = 64
# Event streams count too; the api itself refuses the one too many, with a sentence.
API_CONNECTIONS = 4096
HEALTH_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One installation, before anything of it runs."""

    home: Home
    ports: PortPlan
    credentials: Credentials
    worker_count: int
    variables: Mapping[str, str]

    @property
    def base_url(self) -> str:
        return web_origin(self.ports, self.variables)

    def environment(self) -> dict[str, str]:
        """Return the settings of the Django processes."""
        return process_environment(
            home=self.home, ports=self.ports, credentials=self.credentials, variables=self.variables
        )

    def engines(self) -> list[ProcessSpec]:
        """Describe the engines."""
        return [replace(spec, environment={**spec.environment, **home_marker(self.home)}) for spec in self._engines()]

    def _engines(self) -> list[ProcessSpec]:
        return [
            postgres_spec(
                place=find_place(self.home, password=self.credentials.database_password),
                port=self.ports.postgres,
                password=self.credentials.database_password,
            ),
            s3_spec(
                folder=self.home.s3_folder,
                ports=self.ports,
                access_key_id=self.credentials.aws_access_key_id,
                secret_access_key=self.credentials.aws_secret_access_key,
                bucket=BUCKET,
                web_origin=self.base_url,
            ),
            sqs_spec(
                port=self.ports.sqs,
                queue_name=QUEUE_NAME,
                dlq_name=DLQ_NAME,
                access_key_id=self.credentials.aws_access_key_id,
                secret_access_key=self.credentials.aws_secret_access_key,
            ),
        ]

    def preparations(self) -> list[list[ProcessSpec]]:
        """Describe the commands that run to their end before the application starts; those of a group side by side."""
        user = ("--username", self.credentials.web_user, "--operator")
        seed = self._django("seed", "seed_tenant", "--code", TENANT_CODE, "--name", TENANT_NAME, *user)
        with_secrets = {**seed.environment, **seed_environment(self.credentials)}
        return [
            [self._django("migrate", "migrate", "--noinput"), self._django("provision", "provision_video")],
            [replace(seed, environment=with_secrets)],
        ]

    def application(self) -> list[ProcessSpec]:
        """Describe the application's own processes."""
        api = replace(
            self._python("api", *api_command(port=self.ports.web)), check_ready=lambda: check_health(self.ports)
        )
        workers = [self._django(f"worker-{n}", "run_video_worker") for n in range(1, self.worker_count + 1)]
        relay = self._django("relay", "run_outbox_relay")
        reconciler = self._django("reconciler", "run_video_reconciler")
        # Workers last: their number changes, and nobody else's metrics should move for that.
        return [self._measured(spec, offset=n) for n, spec in enumerate([api, relay, reconciler, *workers])]

    def _measured(self, spec: ProcessSpec, *, offset: int) -> ProcessSpec:
        """Give a process its own port for metrics: `METRICS_PORT` and upwards. What is no number it refuses itself."""
        given = self.variables.get("METRICS_PORT", "").strip()
        if not (given.isascii() and given.isdigit()):
            return spec
        return replace(spec, environment={**spec.environment, "METRICS_PORT": str(int(given) + offset)})

    def _django(self, name: str, *arguments: str) -> ProcessSpec:
        return self._python(name, "manage.py", *arguments)

    def _python(self, name: str, *arguments: str) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            command=(sys.executable, *arguments),
            environment={**self.environment(), **home_marker(self.home)},
            working_folder=REPOSITORY,
        )


def api_command(*, port: int) -> tuple[str, ...]:
    """Return the arguments with which Python serves the api."""
    return (
        *("-m", "apps.standalone.serve_api", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backpressure", str(API_CONNECTIONS), "--workers-kill-timeout", "8"),
        *("--no-access-log", "--log-level", "error", "apps.api.config.asgi:application"),
    )


def check_health(ports: PortPlan) -> None:
    """
    Ask the api whether it serves.

    Raises:
        NotReady: It does not answer, or its database does not.
    """
    url = f"http://127.0.0.1:{ports.web}/healthz"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=HEALTH_TIMEOUT_SECONDS):
            return
    except urllib.error.HTTPError as error:
        raise NotReady(f"{url} answered {error.code}") from error
    except OSError as error:
        raise NotReady(f"{url}: {error}") from error


def read_worker_count(variables: Mapping[str, str]) -> int:
    """
    Return how many workers `WORKERS` asks for; one by default, and zero is fine.

    Raises:
        Misconfigured: That is no such number.
    """
    given = variables.get("WORKERS", "").strip() or "1"
    if not (given.isascii() and given.isdigit()) or int(given) > MAX_WORKERS:
        raise Misconfigured(
            f"WORKERS must be a number from 0 to {MAX_WORKERS}; this machine has {os.cpu_count()} cores."
        )
    return int(given)
