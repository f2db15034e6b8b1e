"""An installation of real processes and engines, every part of which can fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import boto3
import httpx
import psycopg
from psycopg.rows import dict_row

from apps.standalone.credentials import generate_credentials
from apps.standalone.engine_runner import EngineRunner
from apps.standalone.engines.s3 import remove_stale_sockets
from apps.standalone.environment import BUCKET, DLQ_NAME, QUEUE_NAME
from apps.standalone.launch import ProcessSpec, kill_group, spawn
from apps.standalone.processes import Installation
from libs.s3_client.client import S3Storage
from tests.chaos.encoders import orphaned_encoders
from tests.chaos.oracle import Bucket, Facts, read_facts
from tests.support.engines import temporary_home
from tests.support.ports import free_port_plan
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
FAKETIME_LIBRARIES = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"),
)
# Everything waits less than in production, so that a run sees many leases, windows and sweeps.
IMPATIENCE = {
    "VIDEO_LEASE_SECONDS": "5",
    "VIDEO_REDELIVERY_WINDOW_SECONDS": "8",
    "VIDEO_RECONCILE_INTERVAL_SECONDS": "1",
    "VIDEO_TENANT_RUNNING_LIMIT": "64",
    # A job meets more faults here in a minute than elsewhere in years; whoever counts them as its own gives up on it.
    "VIDEO_MAX_ATTEMPTS": "60",
}


def faketime_library() -> Path | None:
    """Return libfaketime, where this machine has it."""
    return next((path for path in FAKETIME_LIBRARIES if path.exists()), None)


class Actor:
    """One process of the product. It comes back when it ends, as under any supervisor."""

    def __init__(self, spec: ProcessSpec, *, log_file: Path, clock_file: Path) -> None:
        self.name = spec.name
        self.die_file = clock_file.with_suffix(".die")
        self._clock_file = clock_file
        self._log_file = log_file
        own = {**self._faketime(), "CHAOS_DIE_FILE": str(self.die_file)}
        self._spec = replace(spec, environment={**spec.environment, **own})
        self._process: subprocess.Popen[bytes] | None = None
        self.jump(0.0)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def keep_running(self) -> None:
        """Start it if it does not run. From the main thread only: it dies with the thread that starts it."""
        if self.pid is not None:
            return
        if self._process is not None:
            kill_group(self._process.pid)
        with self._log_file.open("ab") as log:
            self._process = spawn(self._spec, output=log.fileno())

    def send(self, number: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def jump(self, seconds: float) -> None:
        """Move its clock so far from the machine's."""
        self._clock_file.write_text(f"{seconds:+.3f}", encoding="utf-8")

    def end(self) -> None:
        if self._process is not None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGKILL)
            self._process.wait(timeout=20)
            kill_group(self._process.pid)

    def _faketime(self) -> dict[str, str]:
        library = faketime_library()
        if library is None:
            return {}
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock_file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


class Rig:
    """
    Engines, a bad line in front of each, and the processes that use them.

    Args:
        workers: How many.
        has_real_encoder: Whether they encode. Else they write labels, and everything but the pictures is real.
    """

    def __init__(self, *, workers: int, has_real_encoder: bool = False) -> None:
        self.home = temporary_home("chaos")
        self.credentials = generate_credentials()
        ports = free_port_plan()
        variables = {**_inherited(), **IMPATIENCE, "ACADEMY_LOG_LEVEL": "WARNING", "TMPDIR": str(self._work_folder())}
        self._installation = Installation(
            home=self.home, ports=ports, credentials=self.credentials, worker_count=workers, variables=variables
        )
        self._has_real_encoder = has_real_encoder
        self._stack = ExitStack()
        self.engines: dict[str, EngineRunner] = {}
        self.proxies: dict[str, TcpProxy] = {}
        self.actors: dict[str, Actor] = {}
        self.storage = S3Storage(
            bucket=BUCKET,
            region="us-east-1",
            access_key_id=self.credentials.aws_access_key_id,
            secret_access_key=self.credentials.aws_secret_access_key,
            endpoint_url=f"http://127.0.0.1:{ports.s3}",
        )

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        return self._installation.base_url

    def keep_running(self) -> None:
        """Start again what has ended. Call it often, from the main thread."""
        for actor in self.actors.values():
            actor.keep_running()

    def client(self) -> httpx.Client:
        """Return an API client with the tenant's key."""
        return httpx.Client(
            base_url=self.base_url,
            headers={"Authorization": f"Bearer {self.credentials.api_key}"},
            timeout=20.0,
            trust_env=False,
            verify=False,
        )

    def facts(self) -> Facts:
        """Read the tables, past all bad lines."""
        with psycopg.connect(self.database_url, row_factory=dict_row, connect_timeout=5) as connection:
            return read_facts(lambda sql: connection.execute(sql).fetchall())

    @property
    def database_url(self) -> str:
        return self._installation.environment()["DATABASE_URL"]

    def bucket(self) -> Bucket:
        """List the bucket, past all bad lines."""
        return Bucket(
            sizes={entry.key: entry.size_bytes for entry in self.storage.list_objects("tenants/")},
            multiparts=[upload.key for upload in self.storage.list_multiparts("tenants/")],
            read=self.storage.read_bytes,
        )

    def sqs(self) -> Any:
        """Return a plain SQS client, past all bad lines, and no patience."""
        environment = self._installation.environment()
        return boto3.session.Session().client(
            "sqs",
            region_name=environment["SQS_REGION"],
            endpoint_url=environment["SQS_ENDPOINT_URL"],
            aws_access_key_id=self.credentials.aws_access_key_id,
            aws_secret_access_key=self.credentials.aws_secret_access_key,
        )

    def dead_letters(self) -> int:
        """Return how many messages the DLQ holds."""
        sqs = self.sqs()
        url = sqs.get_queue_url(QueueName=DLQ_NAME)["QueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def queue_url(self) -> str:
        return str(self.sqs().get_queue_url(QueueName=QUEUE_NAME)["QueueUrl"])

    def orphaned_encoders(self) -> list[int]:
        """Return encoders on this rig's work that no worker of ours has started: their worker is dead."""
        return orphaned_encoders(self._work_folder(), {actor.pid for actor in self.actors.values()})

    def logs(self) -> str:
        """Return what the processes have complained of."""
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in self._log_files())

    def close(self) -> None:
        """End everything and remove its files."""
        for actor in self.actors.values():
            actor.end()
        self._stack.close()
        for engine in self.engines.values():
            engine.kill()
        remove_stale_sockets(self._installation.ports)
        shutil.rmtree(self.home.root, ignore_errors=True)

    def _start(self) -> None:
        for spec in self._installation.engines():
            runner = EngineRunner(spec=spec, log_file=self.home.log_folder / f"{spec.name}.log")
            runner.start()
            self.engines[spec.name] = runner
        for name, spec_port in self._engine_ports().items():
            self.proxies[name] = self._stack.enter_context(TcpProxy(spec_port))
        self._prepare()
        for spec in self._application():
            self.actors[spec.name] = Actor(
                spec,
                log_file=self.home.log_folder / f"{spec.name}.log",
                clock_file=self.home.root / f"{spec.name}.clock",
            )
        self.keep_running()
        wait_until(self._serves, timeout_seconds=60, message="the api serves")

    def _engine_ports(self) -> Mapping[str, int]:
        ports = self._installation.ports
        return {"postgres": ports.postgres, "s3": ports.s3, "sqs": ports.sqs}

    def _prepare(self) -> None:
        for group in self._installation.preparations():
            for spec in group:
                done = subprocess.run(
                    spec.command,
                    check=False,
                    cwd=spec.working_folder,
                    env=dict(spec.environment),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=120,
                )
                if done.returncode != 0:
                    raise AssertionError(f"{spec.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _application(self) -> list[ProcessSpec]:
        """Describe the product's own processes, as `make run` starts them, behind the bad lines."""
        lines = self._behind_proxies()
        specs = []
        for spec in self._installation.application():
            environment = {**spec.environment, **lines}
            is_paper = spec.name.startswith("worker") and not self._has_real_encoder
            command = (sys.executable, "-m", "tests.chaos.worker") if is_paper else spec.command
            specs.append(replace(spec, environment=environment, command=command))
        return specs

    def _behind_proxies(self) -> dict[str, str]:
        ports = self._installation.ports
        urls = {
            name: f"http://127.0.0.1:{self.proxies[engine].port}"
            for name, engine in (
                ("S3_ENDPOINT_URL", "s3"),
                ("S3_PUBLIC_ENDPOINT_URL", "s3"),
                ("SQS_ENDPOINT_URL", "sqs"),
            )
        }
        database = self.database_url.replace(f":{ports.postgres}/", f":{self.proxies['postgres'].port}/")
        return {**urls, "DATABASE_URL": database}

    def _serves(self) -> bool:
        self.keep_running()
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.base_url}/healthz", timeout=3, trust_env=False).is_success
        return False

    def _work_folder(self) -> Path:
        folder = self.home.root / "work"
        folder.mkdir(exist_ok=True)
        return folder

    def _log_files(self) -> list[Path]:
        return [self.home.log_folder / f"{name}.log" for name in self.actors]


def _inherited() -> dict[str, str]:
    own = ("ACADEMY_", "AWS_", "DATABASE_", "DJANGO_", "S3_", "SQS_", "VIDEO_", "WORKERS")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}
