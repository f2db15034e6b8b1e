"""
The only sender: reserve due rows, commit, send with no transaction open, mark.

A crash between send and mark sends a message twice; consumers absorb that by their claim. A crash before the send
leaves the row to the next relay as soon as its reservation ends.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Protocol

from django.db import transaction
from django.db.models import F, Q, QuerySet

from libs.clock import Clock
from libs.db.guards import assert_no_transaction
from libs.queue.client import BATCH_LIMIT, BatchOutcome, OutgoingMessage, QueueUnavailable

from .models import OutboxMessage
from .signals import message_failed, message_sent

RESERVATION = timedelta(seconds=30)
LONGEST_BACKOFF_SECONDS = 60.0
KEEP_SENT = timedelta(days=2)


class MessageSender(Protocol):
    """Where messages go. May raise `QueueUnavailable`, after which some may have been sent."""

    def send_batch(self, *, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    """What one step of the relay did."""

    reserved: int
    sent: int
    failed: int


class NotSent(Exception):
    """The queue has not taken the message in time. It stays in the outbox and the relay goes on."""


def drain_once(*, queue: MessageSender, clock: Clock, limit: int = 100) -> DrainReport:
    """Send the messages that are due now, oldest first, at most `limit`. Any number of relays may run this at once."""
    assert_no_transaction()
    now = clock.now()
    due = OutboxMessage.objects.filter(sent_at=None, due_at__lte=now).order_by("due_at", "id")
    return _send_reserved(_reserve(due, now=now, limit=limit), queue=queue, clock=clock)


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
    being_sent = Q(attempt_count__gt=0, last_error="", due_at__gt=now)
    # Due or not: the caller's grace keeps relays away from the row until now.
    unsent = OutboxMessage.objects.filter(pk=message_id, sent_at=None).exclude(being_sent)
    _send_reserved(_reserve(unsent, now=now, limit=1), queue=queue, clock=clock)
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


def _reserve(candidates: QuerySet[OutboxMessage], *, now: datetime, limit: int) -> list[OutboxMessage]:
    with transaction.atomic():
        rows = list(candidates.select_for_update(skip_locked=True)[:limit])
        OutboxMessage.objects.filter(pk__in=[row.pk for row in rows]).update(
            # Without an error until this attempt has one: that is how `send_now` knows a row that is being sent.
            due_at=now + RESERVATION,
            attempt_count=F("attempt_count") + 1,
            last_error="",
        )
    return rows


def _send_reserved(rows: list[OutboxMessage], *, queue: MessageSender, clock: Clock) -> DrainReport:
    sent = failed = 0
    for queue_name, group in groupby(sorted(rows, key=lambda row: row.queue_name), key=lambda row: row.queue_name):
        remaining = iter(group)
        while batch := list(islice(remaining, BATCH_LIMIT)):
            batch_sent, batch_failed = _send_batch(batch, queue_name=queue_name, queue=queue, clock=clock)
            sent, failed = sent + batch_sent, failed + batch_failed
    return DrainReport(reserved=len(rows), sent=sent, failed=failed)


def _send_batch(batch: list[OutboxMessage], *, queue_name: str, queue: MessageSender, clock: Clock) -> tuple[int, int]:
    assert_no_transaction()
    outgoing = [OutgoingMessage(entry_id=str(row.pk), body=row.body, group_id=row.group_id or None) for row in batch]
    try:
        outcome = queue.send_batch(queue_name=queue_name, messages=outgoing)
    except QueueUnavailable as error:
        outcome = BatchOutcome(sent={}, refused={str(row.pk): str(error) for row in batch})
    for row in batch:
        if queue_message_id := outcome.sent.get(str(row.pk)):
            _mark_sent(row, queue_message_id=queue_message_id, now=clock.now())
        else:
            reason = outcome.refused.get(str(row.pk), "the queue's answer does not mention the message")
            _mark_failed(row, reason=reason, now=clock.now())
    return len(outcome.sent), len(batch) - len(outcome.sent)


def _mark_sent(row: OutboxMessage, *, queue_message_id: str, now: datetime) -> None:
    OutboxMessage.objects.filter(pk=row.pk, sent_at=None).update(
        sent_at=now, queue_message_id=queue_message_id, last_error=""
    )
    message_sent.send(OutboxMessage, message=row)


def _mark_failed(row: OutboxMessage, *, reason: str, now: datetime) -> None:
    backoff_seconds = min(LONGEST_BACKOFF_SECONDS, 0.5 * 2.0 ** min(row.attempt_count, 10))
    OutboxMessage.objects.filter(pk=row.pk, sent_at=None).update(
        due_at=now + timedelta(seconds=backoff_seconds), last_error=reason[:2000]
    )
    message_failed.send(OutboxMessage, message=row, reason=reason)
