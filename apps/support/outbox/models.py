"""The outbox table. `sent_at IS NULL` is the state; there is no status column that could disagree."""

from typing import ClassVar

from django.db import models
from django.db.models import Value

from libs.observability.tracing import TRACEPARENT_LENGTH


class OutboxMessage(models.Model):
    """
    One message to send, at least once.

    It belongs to the whole installation, as the relay does: the tenant shows only as the queue's fairness group.
    """

    queue_name = models.CharField(max_length=80)
    body = models.TextField()
    group_id = models.CharField(max_length=128, blank=True)
    subject = models.CharField(max_length=64)
    """What the message is about, in the sender's words: its rows are found by this."""
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    """Not to be sent before. Reserving a row moves this on, so a relay that dies frees it by doing nothing."""
    sent_at = models.DateTimeField(null=True)
    attempt_count = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    failures = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    """When and why the queue did not take it, `{at, try, reason}`: the first time, and the latest ones."""
    queue_message_id = models.CharField(max_length=128, blank=True)
    traceparent = models.CharField(max_length=TRACEPARENT_LENGTH, blank=True, default="", db_default="")
    """Its place in a trace, sent along as the message attribute of that name; empty: it has none."""

    class Meta:
        db_table = "outbox_message"
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], condition=models.Q(sent_at=None), name="outbox_due"),
            models.Index(fields=["subject", "-id"], name="outbox_subject"),
            models.Index(fields=["sent_at"], condition=models.Q(sent_at__isnull=False), name="outbox_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.queue_name} {self.subject} ({'sent' if self.sent_at else 'unsent'})"
