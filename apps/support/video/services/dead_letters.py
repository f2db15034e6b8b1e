"""
Messages that the queue gave up on, settled against the table.

The table is the schedule, so such a message is never work that would be lost with it. It is taken over into a row
first, which outlives the queue's retention, and deleted from the queue only then.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from django.conf import settings
from django.db import transaction

from apps.support.outbox import outbox
from libs.clock import Clock
from libs.observability.tracing import accept_traceparent
from libs.queue.client import QueueDepth, ReceiptHandleStale, ReceivedMessage

from ..domain.contracts import TranscodeMessage, UnknownVersion, UnreadableMessage
from ..domain.dead_letters import KEPT, LetterState
from ..domain.lifecycle import ACTIVE_JOB_STATES, EventName, JobState
from ..models import DeadLetter, VideoTranscodeJob
from .lifecycle import lock_video, record_event
from .sqs_queue import add_wake_up, is_sent

log = structlog.get_logger(__name__)

BATCH = 10
VISIBILITY_SECONDS = 60
REMEMBER_SETTLED = timedelta(days=30)


class QueueReader(Protocol):
    """A queue as its reader sees it. Methods raise `QueueUnavailable`, and `delete` also `ReceiptHandleStale`."""

    def receive(
        self, *, queue_name: str, max_messages: int, wait_seconds: int, visibility_seconds: int
    ) -> Sequence[ReceivedMessage]: ...
    def delete(self, *, queue_name: str, receipt_handle: str) -> None: ...
    def depth(self, *, queue_name: str) -> QueueDepth: ...


def take_dead_letters(*, queue: QueueReader, clock: Clock, limit: int) -> int:
    """
    Take messages over from the dead-letter queue into rows, and return how many.

    Dying between the row and the delete takes the message over twice, into the same row.

    Raises:
        QueueUnavailable: The queue did not answer; what was taken over is kept.
    """
    taken = 0
    while taken < limit:
        messages = queue.receive(
            queue_name=settings.VIDEO_SQS_DLQ_NAME,
            max_messages=min(BATCH, limit - taken),
            wait_seconds=0,
            visibility_seconds=VISIBILITY_SECONDS,
        )
        if not messages:
            break
        for message in messages:
            _take_over(message, now=clock.now())
            _delete(message, queue=queue)
            taken += 1
    return taken


def settle_dead_letter(*, letter_id: int, actor: str, now: datetime) -> LetterState:
    """
    Settle a dead letter against its job, and return what became of it.

    The job of one that is alive gets another wake-up, unless one is on its way already; the timeline says so.
    """
    with transaction.atomic():
        letter = DeadLetter.objects.select_for_update().get(pk=letter_id)
        if letter.state == LetterState.OPEN:
            letter.state = _settled_state(letter, actor=actor, now=now)
            letter.settled_at = None if letter.state in KEPT else now
            letter.save(update_fields=["state", "settled_at"])
    log.info(
        "dead_letter_settled",
        letter_id=letter_id,
        state=letter.state,
        job_id=str(letter.job_id) if letter.job_id else None,
        video_id=letter.video_id,
        tenant_id=letter.tenant_id,
    )
    return LetterState(letter.state)


def redrive_dead_letter(*, letter_id: int, now: datetime) -> bool:
    """Send a kept message again as it was, by the outbox. Return False when it is not kept (any more)."""
    with transaction.atomic():
        letter = DeadLetter.objects.select_for_update().filter(pk=letter_id, state__in=sorted(KEPT)).first()
        if letter is None:
            return False
        outbox.add(
            queue_name=settings.VIDEO_SQS_QUEUE_NAME,
            body=letter.body,
            group_id="",
            subject=f"dead-letter:{letter.pk}",
            now=now,
            traceparent=letter.traceparent,
        )
        letter.state, letter.settled_at = LetterState.REDRIVEN, now
        letter.save(update_fields=["state", "settled_at"])
    log.info("dead_letter_redriven", letter_id=letter_id)
    return True


def purge_dead_letter(*, letter_id: int) -> bool:
    """Forget a kept message for good. Return False when it is not kept (any more)."""
    purged = DeadLetter.objects.filter(pk=letter_id, state__in=sorted(KEPT)).delete()[0] > 0
    if purged:
        log.info("dead_letter_purged", letter_id=letter_id)
    return purged


def forget_settled_letters(*, now: datetime, limit: int = 5000) -> int:
    """Remove rows that were settled long ago. Return how many."""
    old = DeadLetter.objects.filter(settled_at__lt=now - REMEMBER_SETTLED).order_by("settled_at")[:limit]
    return DeadLetter.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


def _take_over(message: ReceivedMessage, *, now: datetime) -> None:
    state, detail, wake_up = LetterState.OPEN, "", None
    try:
        wake_up = TranscodeMessage.parse(message.body)
    except UnknownVersion as error:
        state, detail = LetterState.UNKNOWN_VERSION, str(error)
    except UnreadableMessage as error:
        state, detail = LetterState.UNREADABLE, str(error)
    letter, _created = DeadLetter.objects.get_or_create(
        message_id=message.message_id,
        defaults={
            "body": message.body,
            "receive_count": message.receive_count,
            "state": state,
            "detail": detail,
            "traceparent": accept_traceparent(message.traceparent),
            "taken_at": now,
            **_ids(wake_up),
        },
    )
    log.warning("dead_letter_taken", letter_id=letter.pk, state=letter.state, receive_count=message.receive_count)


def _ids(wake_up: TranscodeMessage | None) -> dict[str, object]:
    if wake_up is None:
        return {}
    # Whatever a message says, it must fit the columns: what does not is nobody's job.
    fits = max(wake_up.video_id, wake_up.tenant_id) < 2**63 and min(wake_up.video_id, wake_up.tenant_id) > 0
    ids = {"video_id": wake_up.video_id, "tenant_id": wake_up.tenant_id} if fits else {}
    return {"job_id": wake_up.job_id, **ids}


def _delete(message: ReceivedMessage, *, queue: QueueReader) -> None:
    try:
        queue.delete(queue_name=settings.VIDEO_SQS_DLQ_NAME, receipt_handle=message.receipt_handle)
    except ReceiptHandleStale:
        log.info("dead_letter_came_again", message_id=message.message_id)


def _settled_state(letter: DeadLetter, *, actor: str, now: datetime) -> LetterState:
    if letter.tenant_id is None or letter.video_id is None or letter.job_id is None:
        return LetterState.UNKNOWN_JOB
    jobs = VideoTranscodeJob.objects.for_tenant(letter.tenant_id).filter(pk=letter.job_id, video_id=letter.video_id)
    if not jobs.exists():
        return LetterState.UNKNOWN_JOB
    video = lock_video(tenant_id=letter.tenant_id, video_id=letter.video_id)
    job = jobs.get()
    if job.state not in ACTIVE_JOB_STATES:
        return LetterState.JOB_SETTLED
    data = {"receive_count": letter.receive_count}
    record_event(video=video, event=EventName.MESSAGE_DEAD_LETTERED, actor=actor, now=now, job=job, data=data)
    if job.state != JobState.RUNNING and is_sent(job):
        add_wake_up(job=job, now=now, due_at=max(now, job.next_attempt_at or now))
    return LetterState.JOB_ALIVE
