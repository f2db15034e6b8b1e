"""What `benchmarks.relay` measures. Needs Django set up."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from urllib.parse import urlsplit

import boto3
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.support.outbox import outbox
from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.relay import drain_once
from apps.support.video import wiring
from libs.clock import SystemClock

BODY = (
    '{"version":1,"job_id":"00000000-0000-0000-0000-000000000000","video_id":1,"tenant_id":1,"file_key":"tenants/1/x"}'
)
CLOCK = SystemClock()


@contextmanager
def relay_process() -> Iterator[None]:
    """Run `run_outbox_relay` as an installation does, with its log thrown away after it has been written."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {**os.environ, "DATABASE_URL": database.geturl(), "ACADEMY_LOG_LEVEL": "INFO"}
    relay = subprocess.Popen(
        [sys.executable, "manage.py", "run_outbox_relay"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        relay.terminate()
        relay.wait()


class Measures:
    """One queue, one table, several questions."""

    def __init__(self, *, queue_url: str) -> None:
        self._queue_url = queue_url
        self._queue_name = settings.VIDEO_SQS_QUEUE_NAME
        self._queue = wiring.job_queue()
        self._sqs = boto3.client(
            "sqs",
            region_name=settings.SQS_REGION,
            endpoint_url=settings.SQS_ENDPOINT_URL,
            aws_access_key_id=settings.AWS_ACCESS_KEY_ID,
            aws_secret_access_key=settings.AWS_SECRET_ACCESS_KEY,
        )

    def throughput_ratio(self, *, rows: int) -> tuple[float, float]:
        """Return messages per second of the bare loop and rows per second of a relay process, one after the other."""
        self._purge()
        bare = rows / self._bare_loop_seconds(rows)
        self._purge()
        with relay_process():
            self._fill(1)
            self._wait_until_sent()
            self._fill(rows)
            started = time.perf_counter()
            self._wait_until_sent()
            return bare, rows / (time.perf_counter() - started)

    def idle_latency_ms(self, *, samples: int) -> tuple[float, float]:
        """Return p50 and p99 of the time from commit to a long poll's answer, beside an idle relay process."""
        self._purge()
        with relay_process():
            self._one_latency_ms()
            return _percentiles([self._one_latency_ms() for _ in range(samples)])

    def loaded_latency_ms(self, *, rows_per_second: int, seconds: float) -> tuple[float, float]:
        """Return p50 and p99 of the time from commit to received, while rows are committed at a steady rate."""
        self._purge()
        count = round(rows_per_second * seconds)
        received: dict[int, float] = {}
        committed: dict[int, float] = {}
        with relay_process(), ThreadPoolExecutor(1) as receiver:
            self._one_latency_ms()
            receiving = receiver.submit(self._receive_all, received, count)
            begun = time.perf_counter()
            for number in range(count):
                time.sleep(max(0.0, begun + number / rows_per_second - time.perf_counter()))
                with transaction.atomic():
                    self._add(video_id=number + 2)
                committed[number + 2] = time.perf_counter()
            receiving.result(timeout=60)
        return _percentiles([(received[number] - at) * 1000 for number, at in committed.items()])

    def drain_ms_beside(self, sent_rows: int) -> float:
        """Return the best of five drains of 100 rows while the table holds so many that are sent."""
        self._set_history(sent_rows)
        best = float("inf")
        for _ in range(5):
            self._fill(100)
            started = time.perf_counter()
            drain_once(queue=self._queue, clock=CLOCK, limit=100)
            best = min(best, time.perf_counter() - started)
        return best * 1000

    def _bare_loop_seconds(self, rows: int) -> float:
        entries = [{"Id": str(number), "MessageBody": BODY, "MessageGroupId": "demo"} for number in range(10)]
        started = time.perf_counter()
        for _ in range(rows // 10):
            self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)  # type: ignore[arg-type]
        return time.perf_counter() - started

    def _one_latency_ms(self) -> float:
        answer: list[float] = []
        receiver = Thread(target=lambda: answer.append(self._receive()))
        receiver.start()
        time.sleep(0.02)  # until the long poll stands
        with transaction.atomic():
            self._add()
        committed = time.perf_counter()
        receiver.join()
        return (answer[0] - committed) * 1000

    def _receive(self) -> float:
        answer = self._sqs.receive_message(QueueUrl=self._queue_url, WaitTimeSeconds=10)
        received = time.perf_counter()
        for message in answer["Messages"]:
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        return received

    def _receive_all(self, received: dict[int, float], count: int) -> None:
        while len(received) < count:
            answer = self._sqs.receive_message(QueueUrl=self._queue_url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            at = time.perf_counter()
            received |= {json.loads(message["Body"])["video_id"]: at for message in answer.get("Messages", [])}

    def _wait_until_sent(self) -> None:
        while OutboxMessage.objects.filter(sent_at=None).exists():
            # Rarely: whoever looks takes the relay's time.
            time.sleep(0.02)

    def _fill(self, rows: int) -> None:
        """Commit rows at once, and tell the relay."""
        now = timezone.now()
        with transaction.atomic():
            OutboxMessage.objects.bulk_create(
                OutboxMessage(
                    queue_name=self._queue_name,
                    body=BODY,
                    group_id="demo",
                    subject="benchmark",
                    created_at=now,
                    due_at=now,
                )
                for _ in range(rows - 1)
            )
            self._add()

    def _add(self, *, video_id: int = 1) -> None:
        body = BODY.replace('"video_id":1', f'"video_id":{video_id}')
        outbox.add(queue_name=self._queue_name, body=body, group_id="demo", subject="benchmark", now=timezone.now())

    def _set_history(self, rows: int) -> None:
        OutboxMessage.objects.all().delete()
        long_ago = timezone.now() - timedelta(hours=1)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO outbox_message (queue_name, body, group_id, subject, created_at, due_at, sent_at,
                                            attempt_count, last_error, queue_message_id)
                SELECT %s, %s, 'demo', 'benchmark-' || n, %s, %s, %s, 1, '', 'm' FROM generate_series(1, %s) n
                """,
                [self._queue_name, BODY, long_ago, long_ago, long_ago, rows],
            )
            cursor.execute("ANALYZE outbox_message")

    def _purge(self) -> None:
        OutboxMessage.objects.all().delete()
        self._sqs.purge_queue(QueueUrl=self._queue_url)


def _percentiles(measured: list[float]) -> tuple[float, float]:
    """Return the median and the value that 99 in a hundred do not exceed."""
    ordered = sorted(measured)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
