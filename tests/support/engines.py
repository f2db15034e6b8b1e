"""The engines of one test session. Each starts when a test first needs it, on a port that is fixed from the outset."""

from __future__ import annotations

import shutil
import tempfile
from functools import cached_property
from pathlib import Path

from apps.standalone.credentials import Credentials, generate_credentials
from apps.standalone.engine_runner import EngineRunner
from apps.standalone.engines.postgres import FORGETFUL_OPTIONS, database_url, find_place, postgres_spec
from apps.standalone.engines.s3 import remove_stale_sockets, s3_spec
from apps.standalone.engines.sqs import queue_url, sqs_spec
from apps.standalone.launch import ProcessSpec
from apps.standalone.paths import Home
from apps.standalone.ports import PortPlan
from tests.support.leaks import leaks_in, secrets_of
from tests.support.ports import free_port_plan

BUCKET = "academy-video-test"
QUEUE_NAME = "academy-video-jobs-test"
DLQ_NAME = "academy-video-jobs-test-dlq"
WEB_ORIGIN = "http://testserver"


class Engines:
    """
    PostgreSQL, S3 and SQS under a temporary folder.

    Attributes `postgres`, `s3` and `sqs` are running engines; touching one starts it. A test that stops one must start
    it again.
    """

    def __init__(self) -> None:
        self.ports: PortPlan = free_port_plan()
        self.credentials: Credentials = generate_credentials()

    @property
    def database_url(self) -> str:
        return database_url(port=self.ports.postgres, password=self.credentials.database_password)

    @property
    def s3_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports.s3}"

    @property
    def sqs_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports.sqs}"

    @property
    def queue_url(self) -> str:
        return queue_url(port=self.ports.sqs, queue_name=QUEUE_NAME)

    @property
    def dlq_url(self) -> str:
        return queue_url(port=self.ports.sqs, queue_name=DLQ_NAME)

    def environment(self) -> dict[str, str]:
        """Return the settings with which the application uses these engines."""
        return {
            "DATABASE_URL": self.database_url,
            "S3_ENDPOINT_URL": self.s3_endpoint,
            "S3_ACCESS_KEY_ID": self.credentials.aws_access_key_id,
            "S3_SECRET_ACCESS_KEY": self.credentials.aws_secret_access_key,
            "S3_BUCKET": BUCKET,
            "SQS_ENDPOINT_URL": self.sqs_endpoint,
            "AWS_ACCESS_KEY_ID": self.credentials.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.aws_secret_access_key,
            "VIDEO_SQS_QUEUE_NAME": QUEUE_NAME,
            "VIDEO_SQS_DLQ_NAME": DLQ_NAME,
            "ACADEMY_PUBLIC_ORIGIN": WEB_ORIGIN,
        }

    @cached_property
    def postgres(self) -> EngineRunner:
        return self._started(
            postgres_spec(
                place=find_place(self._home, password=self.credentials.database_password),
                port=self.ports.postgres,
                password=self.credentials.database_password,
                extra_options=FORGETFUL_OPTIONS,
            )
        )

    @cached_property
    def s3(self) -> EngineRunner:
        return self._started(
            s3_spec(
                folder=self._home.s3_folder,
                ports=self.ports,
                access_key_id=self.credentials.aws_access_key_id,
                secret_access_key=self.credentials.aws_secret_access_key,
                bucket=BUCKET,
                web_origin=WEB_ORIGIN,
            )
        )

    @cached_property
    def sqs(self) -> EngineRunner:
        return self._started(
            sqs_spec(
                port=self.ports.sqs,
                queue_name=QUEUE_NAME,
                dlq_name=DLQ_NAME,
                access_key_id=self.credentials.aws_access_key_id,
                secret_access_key=self.credentials.aws_secret_access_key,
            )
        )

    def stop(self) -> None:
        """
        End what was started and remove its files.

        Raises:
            AssertionError: One of them has written a secret into its log.
        """
        for name in ("sqs", "s3", "postgres"):
            if name in self.__dict__:
                getattr(self, name).kill()
        remove_stale_sockets(self.ports)
        if "_home" in self.__dict__:
            leaks = leaks_in(self._home.log_folder, secrets_of(self.credentials))
            shutil.rmtree(self._home.root, ignore_errors=True)
            assert not leaks, f"secrets in the logs: {leaks[:20]}"

    @cached_property
    def _home(self) -> Home:
        return temporary_home("engines")

    def _started(self, spec: ProcessSpec) -> EngineRunner:
        runner = EngineRunner(spec=spec, log_file=self._home.log_folder / f"{spec.name}.log")
        runner.start()
        return runner


def temporary_home(name: str) -> Home:
    """Make an empty home that PostgreSQL's user can pass through, which pytest's own folders do not allow."""
    root = Path(tempfile.mkdtemp(prefix=f"academy-video-{name}-"))
    root.chmod(0o711)
    home = Home(root=root)
    home.create()
    return home
