"""What `benchmarks.relay` measures. Needs Django set up."""

import time
from datetime import timedelta
from threading import Event, Thread

import boto3
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.support.outbox import outbox
from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.process import run_relay
from apps.support.outbox.relay import drain_once
from apps.support.video import wiring
from libs.clock import SystemClock

BODY = (
    '{"version":1,"job_id":"00000000-0000-0000-0000-000000000000","video_id":1,"tenant_id":1,"file_key":"tenants/1/x"}'
)
CLOCK = SystemClock()
DRAIN_LIMIT = 500


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
        """Return messages per second of the bare loop and rows per second of the relay, one after the other."""
        self._purge()
        bare = rows / self._bare_loop_seconds(rows)
        self._purge()
        self._fill(rows)
        started = time.perf_counter()
        sent = 0
        while sent < rows:
            sent += drain_once(queue=self._queue, clock=CLOCK, limit=DRAIN_LIMIT).sent
        return bare, rows / (time.perf_counter() - started)

    def idle_latency_ms(self, *, samples: int) -> tuple[float, float]:
        """Return p50 and p99 of the time from commit to a long poll's answer, with the relay's own loop running."""
        self._purge()
        stop = Event()
        relay = Thread(target=run_relay, kwargs={"queue": self._queue, "clock": CLOCK, "stop": stop})
        relay.start()
        try:
            measured = sorted(self._one_latency_ms() for _ in range(samples))
        finally:
            stop.set()
            relay.join()
        return measured[len(measured) // 2], measured[int(len(measured) * 0.99)]

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
            self._add(1)
        committed = time.perf_counter()
        receiver.join()
        return (answer[0] - committed) * 1000

    def _receive(self) -> float:
        answer = self._sqs.receive_message(QueueUrl=self._queue_url, WaitTimeSeconds=10)
        received = time.perf_counter()
        for message in answer["Messages"]:
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        return received

    def _fill(self, rows: int) -> None:
        with transaction.atomic():
            self._add(rows)

    def _add(self, rows: int) -> None:
        now = timezone.now()
        if rows == 1:
            outbox.add(queue_name=self._queue_name, body=BODY, group_id="demo", subject="benchmark", now=now)
            return
        OutboxMessage.objects.bulk_create(
            OutboxMessage(
                queue_name=self._queue_name, body=BODY, group_id="demo", subject="benchmark", created_at=now, due_at=now
            )
            for _ in range(rows)
        )

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
