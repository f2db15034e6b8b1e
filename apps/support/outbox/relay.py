"""
The only sender: reserve due rows, commit, send with no transaction open, mark.

A crash between send and mark sends a message twice; consumers absorb that by their claim. A crash before the send
leaves the row to the next relay as soon as its reservation ends.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Protocol

from django.db import connection

from libs.clock import Clock
from libs.db.guards import assert_no_transaction
from libs.observability import metrics, tracing
from libs.queue.client import BATCH_LIMIT, BatchOutcome, OutgoingMessage, QueueUnavailable

from .models import OutboxMessage
from .signals import message_failed, messages_sent

RESERVATION = timedelta(seconds=30)
FIRST_BACKOFF = timedelta(seconds=0.5)
REMEMBERED_FAILURES = 20
REMEMBERED_REASON = 300
LONGEST_BACKOFF = timedelta(seconds=60)
# An outage is nobody's fault in the line: once it is over, nobody should wait much longer.
LONGEST_OUTAGE_BACKOFF = timedelta(seconds=5)
NOT_MENTIONED = "the queue's answer does not mention the message"
KEEP_SENT = timedelta(days=2)
DRAIN_LIMIT = 500


class MessageSender(Protocol):
    """Where messages go. May raise `QueueUnavailable`, after which some may have been sent."""

    def send_batch(self, *, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    """What one step of the relay did."""

    reserved: int
    sent: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedMessage:
    """
    An unsent row that nobody else sends before its reservation ends.

    `attempt_count` is of the attempts before. `waits_since` is when the row became due, or its commit where somebody
    sends it before that; after a failure the due time is only our back-off, and all since the commit was a wait.
    """

    id: int
    queue_name: str
    body: str
    group_id: str
    subject: str
    attempt_count: int
    traceparent: str
    waits_since: datetime


class NotSent(Exception):
    """The queue has not taken the message in time. It stays in the outbox and the relay goes on."""


def drain_once(*, queue: MessageSender, clock: Clock, limit: int = DRAIN_LIMIT) -> DrainReport:
    """Send the messages that are due now, oldest first, at most `limit`. Any number of relays may run this at once."""
    assert_no_transaction()
    now = clock.now()
    return _send_reserved(_reserve("due_at <= %s", [now], now=now, limit=limit), queue=queue, clock=clock)


def send_now(*, message_id: int, queue: MessageSender, clock: Clock, timeout_seconds: float) -> None:
    """
    Send one message after its commit, the same way as the relay would.

    When a relay has reserved the row already, wait for what becomes of it.

    Args:
        timeout_seconds: How long to wait for somebody else's send. The queue client bounds our own.

    Raises:
        NotSent: The queue did not take it in time.
    """
    assert_no_transaction()
    now = clock.now()
    # Due or not: the caller's grace keeps relays away from the row until now. But not one that is being sent.
    mine = "id = %s AND NOT (attempt_count > 0 AND last_error = '' AND due_at > %s)"
    _send_reserved(_reserve(mine, [message_id, now], now=now, limit=1), queue=queue, clock=clock)
    deadline = time.monotonic() + timeout_seconds
    while True:
        message = OutboxMessage.objects.get(pk=message_id)
        if message.sent_at is not None:
            return
        if message.last_error or time.monotonic() >= deadline:
            raise NotSent(message.last_error or "no answer in time")
        time.sleep(0.02)


def prune_sent(*, clock: Clock, limit: int = 5000) -> int:
    """Delete messages sent long ago, so that the table stays as small as the backlog."""
    old = OutboxMessage.objects.filter(sent_at__lt=clock.now() - KEEP_SENT).order_by("sent_at")[:limit]
    return OutboxMessage.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


def _reserve(
    condition: str, parameters: Sequence[int | datetime], *, now: datetime, limit: int
) -> list[ReservedMessage]:
    """
    Take unsent rows that nobody else holds. One statement is one commit: nothing is open when the send begins.

    Args:
        condition: SQL of this module, never anything from outside.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH chosen AS (
                SELECT id, queue_name, body, group_id, subject, attempt_count, traceparent, due_at,
                    CASE WHEN attempt_count = 0 AND due_at <= %s THEN due_at ELSE created_at END AS waits_since
                FROM outbox_message
                WHERE sent_at IS NULL AND {condition}
                ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
            ), reserved AS (
                -- Without an error until this attempt has one: that is how `send_now` knows a row that is being sent.
                UPDATE outbox_message SET due_at = %s, attempt_count = outbox_message.attempt_count + 1, last_error = ''
                FROM chosen WHERE outbox_message.id = chosen.id
            )
            SELECT id, queue_name, body, group_id, subject, attempt_count, traceparent, waits_since
            FROM chosen ORDER BY due_at, id
            """,  # noqa: S608
            [now, *parameters, limit, now + RESERVATION],
        )
        columns = [column.name for column in cursor.description]
        return [ReservedMessage(**dict(zip(columns, row, strict=True))) for row in cursor]


def _send_reserved(rows: list[ReservedMessage], *, queue: MessageSender, clock: Clock) -> DrainReport:
    assert_no_transaction()
    delivery = _Delivery(queue)
    for batch in _batches(rows):
        delivery.send(batch)
    _mark_sent(delivery.sent, now=clock.now())
    _mark_failed(delivery.refused, longest=LONGEST_BACKOFF, now=clock.now())
    _mark_failed(delivery.unsent, longest=LONGEST_OUTAGE_BACKOFF, now=clock.now())
    return DrainReport(reserved=len(rows), sent=len(delivery.sent), failed=len(rows) - len(delivery.sent))


class _Delivery:
    """
    Sends batches and notes what became of each row, without touching the database.

    The caller marks everything in one statement: a round trip for each row, or each batch, would cost more than its
    send. Threads were measured and gave nothing: a send is mostly our own signing and parsing.
    """

    def __init__(self, queue: MessageSender) -> None:
        self.sent: dict[ReservedMessage, str] = {}
        self.refused: dict[ReservedMessage, str] = {}
        self.unsent: dict[ReservedMessage, str] = {}
        self._queue = queue
        self._outage: str | None = None

    def send(self, batch: list[ReservedMessage]) -> None:
        if self._outage is not None:
            # The queue is away: asking it again for every batch would hold each of them up for another time-out.
            self.unsent |= dict.fromkeys(batch, self._outage)
            return
        started_ns = time.time_ns()
        try:
            outcome = self._queue.send_batch(queue_name=batch[0].queue_name, messages=[_outgoing(row) for row in batch])
        except QueueUnavailable as error:
            self._outage = str(error)
            self.unsent |= dict.fromkeys(batch, self._outage)
            return
        for row in batch:
            if message_id := outcome.sent.get(str(row.id)):
                self.sent[row] = message_id
            else:
                self.refused[row] = outcome.refused.get(str(row.id), NOT_MENTIONED)
        if tracing.is_exporting():
            _trace_sends(batch, outcome, started_ns=started_ns)


def _batches(rows: list[ReservedMessage]) -> Iterator[list[ReservedMessage]]:
    by_queue = groupby(sorted(rows, key=lambda row: row.queue_name), key=lambda row: row.queue_name)
    for _queue_name, group in by_queue:
        remaining = iter(group)
        while batch := list(islice(remaining, BATCH_LIMIT)):
            yield batch


def _outgoing(row: ReservedMessage) -> OutgoingMessage:
    return OutgoingMessage(
        entry_id=str(row.id), body=row.body, group_id=row.group_id or None, traceparent=row.traceparent
    )


def _trace_sends(batch: list[ReservedMessage], outcome: BatchOutcome, *, started_ns: int) -> None:
    for row in batch:
        if row.traceparent and (message_id := outcome.sent.get(str(row.id))):
            tracing.record(
                f"send {row.queue_name}",
                kind="producer",
                parent=row.traceparent,
                started_ns=started_ns,
                attributes={
                    "messaging.system": "aws_sqs",
                    "messaging.destination.name": row.queue_name,
                    "messaging.message.id": message_id,
                    "messaging.batch.message_count": len(batch),
                    "attempt": row.attempt_count + 1,
                },
            )


def _mark_sent(message_ids: Mapping[ReservedMessage, str], *, now: datetime) -> None:
    if not message_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE outbox_message SET sent_at = %s, queue_message_id = answer.message_id, last_error = ''
            FROM unnest(%s::bigint[], %s::text[]) AS answer(id, message_id)
            WHERE outbox_message.id = answer.id AND sent_at IS NULL
            """,
            [now, [row.id for row in message_ids], list(message_ids.values())],
        )
    for row in message_ids:
        metrics.ENQUEUE_SECONDS.observe(max(0.0, (now - row.waits_since).total_seconds()))
    metrics.MESSAGES_SENT.inc(len(message_ids))
    messages_sent.send(OutboxMessage, messages=list(message_ids))


def _mark_failed(reasons: Mapping[ReservedMessage, str], *, longest: timedelta, now: datetime) -> None:
    for row, reason in reasons.items():
        backoff = min(longest, FIRST_BACKOFF * 2 ** min(row.attempt_count, 10))
        failure = {"at": now.isoformat(), "try": row.attempt_count + 1, "reason": reason[:REMEMBERED_REASON]}
        with connection.cursor() as cursor:
            # Without its second entry a full list keeps how it began and how it went on.
            cursor.execute(
                """
                UPDATE outbox_message SET last_error = %s, due_at = %s, failures =
                    CASE WHEN jsonb_array_length(failures) < %s THEN failures ELSE failures - 1 END || %s::jsonb
                WHERE id = %s AND sent_at IS NULL
                """,
                [reason[:2000], now + backoff, REMEMBERED_FAILURES, json.dumps([failure]), row.id],
            )
        metrics.MESSAGES_FAILED.inc()
        message_failed.send(OutboxMessage, message=row, reason=reason)
