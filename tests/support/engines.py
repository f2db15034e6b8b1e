"""
The engines of one test run. All processes of the run share them; each process has names of its own in them.

The run's first process owns the engines. Its workers, and runs that its tests start, find the engines by `VARIABLE`
and ask for each over a socket: an engine starts when the first of them needs it, and dies with its owner.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from apps.standalone.credentials import Credentials, generate_credentials
from apps.standalone.engine_runner import EngineRunner
from apps.standalone.engines.postgres import FORGETFUL_OPTIONS, database_url, find_place, postgres_spec
from apps.standalone.engines.s3 import remove_stale_sockets, s3_spec
from apps.standalone.engines.sqs import MAX_RECEIVE_COUNT, REGION, RETENTION_SECONDS, VISIBILITY_SECONDS, sqs_spec
from apps.standalone.errors import StartFailed
from apps.standalone.launch import ProcessSpec
from apps.standalone.paths import REPOSITORY, Home
from apps.standalone.ports import PortPlan
from tests.support.leaks import leaks_in, secrets_of
from tests.support.ports import free_port_plan

# Where a run's engines are, as JSON, for the processes that join it.
VARIABLE = "ACADEMY_TEST_ENGINES"
# The name under which a run that is not pytest-xdist's worker joins.
SHARE_VARIABLE = "ACADEMY_TEST_SHARE"
NAMES = ("postgres", "s3", "sqs")
# A migrated database, which others are copied from.
TEMPLATE_DATABASE = "academy_template"
WEB_ORIGIN = "http://testserver"
_MORE_CONNECTIONS = "max_connections=400"


class Engines:
    """
    PostgreSQL, S3 and SQS under a temporary folder, each started when first asked for.

    Args:
        has_template: Whether PostgreSQL gets `TEMPLATE_DATABASE` when it starts.
    """

    def __init__(self, *, has_template: bool = False) -> None:
        self.ports: PortPlan = free_port_plan()
        self.credentials: Credentials = generate_credentials()
        self._has_template = has_template
        self._running: dict[str, EngineRunner] = {}
        self._locks = {name: threading.Lock() for name in NAMES}

    def runner(self, name: str) -> EngineRunner:
        """
        Return a running engine of `NAMES`.

        Raises:
            StartFailed: It did not start. The message has the end of its log.
        """
        with self._locks[name]:
            if name not in self._running:
                spec = self._spec(name)
                runner = EngineRunner(spec=spec, log_file=self.home.log_folder / f"{spec.name}.log")
                runner.start()
                self._running[name] = runner
                if name == "postgres" and self._has_template:
                    self._make_template()
            return self._running[name]

    def environment(self, share: str = "own") -> dict[str, str]:
        """Return the settings with which the application uses its share of these engines."""
        return share_environment(self.ports, self.credentials, share)

    @cached_property
    def home(self) -> Home:
        return temporary_home("engines")

    def stop(self) -> list[str]:
        """End what was started, remove its files, and return the secrets that stand in its logs."""
        for runner in self._running.values():
            runner.kill()
        self._running.clear()
        remove_stale_sockets(self.ports)
        if "home" not in self.__dict__:
            return []
        leaks = leaks_in(self.home.log_folder, secrets_of(self.credentials))
        shutil.rmtree(self.home.root, ignore_errors=True)
        return leaks

    def _spec(self, name: str) -> ProcessSpec:
        own = self.environment()
        if name == "postgres":
            return postgres_spec(
                place=find_place(self.home, password=self.credentials.database_password),
                port=self.ports.postgres,
                password=self.credentials.database_password,
                extra_options=(*FORGETFUL_OPTIONS, _MORE_CONNECTIONS),
            )
        keys = {
            "access_key_id": self.credentials.aws_access_key_id,
            "secret_access_key": self.credentials.aws_secret_access_key,
        }
        if name == "s3":
            folder, bucket = self.home.s3_folder, own["S3_BUCKET"]
            spec = s3_spec(folder=folder, ports=self.ports, bucket=bucket, web_origin=WEB_ORIGIN, **keys)
            # Beyond the limit of a small installation it would collect garbage all the time: this one serves a crowd.
            return replace(spec, environment={**spec.environment, "GOMEMLIMIT": "4GiB"})
        queue, dlq = own["VIDEO_SQS_QUEUE_NAME"], own["VIDEO_SQS_DLQ_NAME"]
        return sqs_spec(port=self.ports.sqs, queue_name=queue, dlq_name=dlq, **keys)

    def _make_template(self) -> None:
        url = database_url(port=self.ports.postgres, password=self.credentials.database_password)
        template = f"{url.rpartition('/')[0]}/{TEMPLATE_DATABASE}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE_DATABASE)))
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity=0"],
            check=False,
            cwd=REPOSITORY,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "apps.api.config.settings.test",
                "DATABASE_URL": template,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise StartFailed(f"the template was not migrated:\n{done.stderr[-4000:]}")


class EngineService:
    """Starts the engines for every process that joins the run. The processes are trusted: the sockets are private."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        for name in NAMES:
            # A thread for each: an engine dies with the thread that starts it, and two can start at the same time.
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(engines.home.root / f"{name}.join"))
            listener.listen(64)
            threading.Thread(target=self._serve, args=(name, listener), daemon=True).start()

    def description(self) -> str:
        """Return what a process must know to join, for `VARIABLE`."""
        engines = self._engines
        return json.dumps(
            {
                "folder": str(engines.home.root),
                "ports": dict(engines.ports.numbers),
                "credentials": asdict(engines.credentials),
            }
        )

    def _serve(self, name: str, listener: socket.socket) -> None:
        while True:
            caller, _ = listener.accept()
            problem = ""
            try:
                self._engines.runner(name)
            except StartFailed as error:
                problem = str(error)
            with caller:
                caller.sendall(problem.encode())


class JoinedEngines:
    """
    One process's share of the run's engines.

    Args:
        description: What `EngineService.description` has said.
        share: A name that no other process of the run has.
    """

    def __init__(self, description: str, *, share: str) -> None:
        described = json.loads(description)
        self._folder = Path(described["folder"])
        self._ports = PortPlan(numbers=described["ports"])
        self._credentials = Credentials(**described["credentials"])
        self._started: set[str] = set()
        self.share = share

    @property
    def database_url(self) -> str:
        """The database that always exists, to make others from."""
        return database_url(port=self._ports.postgres, password=self._credentials.database_password)

    def environment(self) -> dict[str, str]:
        """Return the settings with which the application uses this share."""
        return share_environment(self._ports, self._credentials, self.share)

    def shared_folder(self, name: str) -> Path:
        """Return a folder that all processes of the run see, and that goes with it."""
        folder = self._folder / "shared" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def start(self, name: str) -> None:
        """
        Have an engine of `NAMES` running.

        Raises:
            StartFailed: It did not start. The message has the end of its log.
        """
        with socket.socket(socket.AF_UNIX) as service:
            service.connect(str(self._folder / f"{name}.join"))
            problem = service.makefile(encoding="utf-8").read()
        if problem:
            raise StartFailed(problem)
        self._started.add(name)

    def make_bucket(self) -> None:
        """Make this share's bucket, in a running storage."""
        own = self.environment()
        _client("s3", own["S3_ENDPOINT_URL"], "us-east-1", own).create_bucket(Bucket=own["S3_BUCKET"])

    def empty_bucket(self) -> None:
        """Remove what this process's tests have stored, if they have stored anything."""
        if "s3" not in self._started:
            return
        # Late, as below.
        from tests.support.storage import empty_bucket, storage_of

        empty_bucket(storage_of(self.environment()))

    def make_queues(self) -> None:
        """Make this share's queues, in a running queue server, as `make run` makes an installation's."""
        own = self.environment()
        sqs = _client("sqs", own["SQS_ENDPOINT_URL"], REGION, own)
        kept = {"MessageRetentionPeriod": str(RETENTION_SECONDS)}
        dlq = sqs.create_queue(QueueName=own["VIDEO_SQS_DLQ_NAME"], Attributes=kept)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": str(MAX_RECEIVE_COUNT)}
        attributes = {**kept, "VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": json.dumps(redrive)}
        sqs.create_queue(QueueName=own["VIDEO_SQS_QUEUE_NAME"], Attributes=attributes)


def share_environment(ports: PortPlan, credentials: Credentials, share: str) -> dict[str, str]:
    """Return the settings with which the application uses one share of the engines."""
    keys = (credentials.aws_access_key_id, credentials.aws_secret_access_key)
    server, _, _ = database_url(port=ports.postgres, password=credentials.database_password).rpartition("/")
    return {
        "DATABASE_URL": f"{server}/academy_{share}",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{ports.s3}",
        "S3_ACCESS_KEY_ID": keys[0],
        "S3_SECRET_ACCESS_KEY": keys[1],
        "S3_BUCKET": f"academy-video-test-{share}",
        "SQS_ENDPOINT_URL": f"http://127.0.0.1:{ports.sqs}",
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "VIDEO_SQS_QUEUE_NAME": f"academy-video-jobs-{share}",
        "VIDEO_SQS_DLQ_NAME": f"academy-video-jobs-{share}-dlq",
        "ACADEMY_PUBLIC_ORIGIN": WEB_ORIGIN,
    }


def temporary_home(name: str) -> Home:
    """Make an empty home that PostgreSQL's user can pass through, which pytest's own folders do not allow."""
    root = Path(tempfile.mkdtemp(prefix=f"academy-video-{name}-"))
    root.chmod(0o711)
    home = Home(root=root)
    home.create()
    return home


def _client(service: str, endpoint_url: str, region: str, own: dict[str, str]) -> Any:
    # Late: importing it costs a second, and most unit tests need no engine.
    import boto3

    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=own["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
    )
