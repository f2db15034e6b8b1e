"""Writing to the outbox, inside the transaction that the message belongs to."""

from datetime import datetime, timedelta

from django.db import connection

from libs.db.guards import assert_in_transaction

from .models import OutboxMessage

NOTIFY_CHANNEL = "outbox"


def add(
    *,
    queue_name: str,
    body: str,
    group_id: str,
    subject: str,
    now: datetime,
    due_at: datetime | None = None,
    sender_grace: timedelta = timedelta(0),
    traceparent: str = "",
) -> OutboxMessage:
    """
    Add a message to the caller's transaction.

    Args:
        queue_name: The SQS queue.
        body: Sent as it is.
        group_id: Fairness group (`MessageGroupId` of an SQS standard queue).
        subject: What the message is about; `OutboxMessage.subject`.
        now: The present time, for `created_at`.
        due_at: Earliest time to send; now when omitted.
        sender_grace: How long the relay leaves the row to the caller, who means to `send_now` after the commit.
        traceparent: What the message is part of, if it is to be found in a trace.

    Raises:
        TransactionGuardError: No transaction is open; the message would not be in the commit it belongs to.
    """
    assert_in_transaction()
    message = OutboxMessage.objects.create(
        queue_name=queue_name,
        body=body,
        group_id=group_id,
        subject=subject,
        created_at=now,
        due_at=(due_at or now) + sender_grace,
        traceparent=traceparent,
    )
    with connection.cursor() as cursor:
        # Delivered at commit, and not at all on rollback: https://www.postgresql.org/docs/current/sql-notify.html
        cursor.execute("SELECT pg_notify(%s, '')", [NOTIFY_CHANNEL])
    return message
