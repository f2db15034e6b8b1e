"""What happened to one video, as every table tells it, in one order."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.dateparse import parse_datetime

from apps.support.outbox.models import OutboxMessage

from ..domain.lifecycle import EventName
from ..models import DeadLetter, Video, VideoEvent, VideoTranscodeJob
from .videos import events_of

RECONCILER = "reconciler"


class TimelineSource(StrEnum):
    """Which part of the pipeline tells it."""

    VIDEO = "video"
    JOB = "job"
    OUTBOX = "outbox"
    SWEEP = "sweep"
    DEAD_LETTER = "dead_letter"


class MessageEvent(StrEnum):
    """What happens to messages; it stands in their own rows, and no `VideoEvent` repeats it."""

    ENQUEUED = "message_enqueued"
    FAILED = "message_failed"
    SENT = "message_sent"
    DEAD_LETTER_TAKEN = "dead_letter_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One line. `data` and what follows the actor's kind are internals."""

    id: str
    """The same in every answer: a page tells by it what it shows already."""
    source: TimelineSource
    name: str
    at: datetime
    actor: str
    job: str | None = None
    attempt: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


def timeline_of(video: Video) -> list[TimelineEntry]:
    """
    Return everything that happened to a video, oldest first.

    Transitions keep the order of their commits even where the clocks of two machines disagree. A sweep that found
    nothing has left no row.
    """
    latest: datetime | None = None
    placed: list[tuple[datetime, TimelineEntry]] = []
    for entry in map(_of_event, events_of(video)):
        latest = entry.at if latest is None else max(latest, entry.at)
        placed.append((latest, entry))
    placed += [(entry.at, entry) for entry in (*_of_messages(video), *_of_dead_letters(video))]
    # Stable: at the same instant the transition comes before the message that follows from it.
    return [entry for _at, entry in sorted(placed, key=lambda pair: pair[0])]


def without_internals(entry: TimelineEntry) -> TimelineEntry:
    """Return what an uploader is told of it: what happened and when, not on which machine or in which words."""
    return replace(entry, actor=entry.actor.partition(":")[0], data={})


def _of_event(event: VideoEvent) -> TimelineEntry:
    return TimelineEntry(
        id=f"event:{event.pk}",
        source=_source_of(event),
        name=event.name,
        at=event.at,
        actor=event.actor,
        job=str(event.job_id) if event.job_id else None,
        attempt=event.attempt,
        data=event.data,
    )


def _source_of(event: VideoEvent) -> TimelineSource:
    if event.name == EventName.MESSAGE_DEAD_LETTERED:
        return TimelineSource.DEAD_LETTER
    if event.actor == RECONCILER:
        return TimelineSource.SWEEP
    return TimelineSource.JOB if event.job_id else TimelineSource.VIDEO


def _of_messages(video: Video) -> Iterator[TimelineEntry]:
    """Tell of the wake-ups of the video's jobs; those sent long ago are pruned."""
    jobs = VideoTranscodeJob.objects.for_tenant(video.tenant_id).filter(video=video).values_list("pk", flat=True)
    subjects = [subject for job_id in jobs for subject in (str(job_id), f"{job_id}:help")]
    for message in OutboxMessage.objects.filter(subject__in=subjects).order_by("id"):
        yield from _of_message(message)


def _of_message(message: OutboxMessage) -> Iterator[TimelineEntry]:
    def entry(name: MessageEvent, *, at: datetime, actor: str, key: str, data: dict[str, Any]) -> TimelineEntry:
        return TimelineEntry(
            id=f"message:{message.pk}:{key}",
            source=TimelineSource.OUTBOX,
            name=name,
            at=at,
            actor=actor,
            job=message.subject.partition(":")[0],
            data=data,
        )

    enqueued = {"message": message.pk, "queue_name": message.queue_name}
    yield entry(MessageEvent.ENQUEUED, at=message.created_at, actor="api", key="enqueued", data=enqueued)
    for failure in message.failures:
        at = parse_datetime(failure["at"])
        if at is not None:
            data = {"message": message.pk, "try": failure["try"], "reason": failure["reason"]}
            yield entry(MessageEvent.FAILED, at=at, actor="relay", key=f"failed:{failure['try']}", data=data)
    if message.sent_at is not None:
        sent = {"message": message.pk, "tries": message.attempt_count, "queue_message_id": message.queue_message_id}
        yield entry(MessageEvent.SENT, at=message.sent_at, actor="relay", key="sent", data=sent)


def _of_dead_letters(video: Video) -> Iterator[TimelineEntry]:
    for letter in DeadLetter.objects.filter(tenant_id=video.tenant_id, video_id=video.pk).order_by("id"):
        yield TimelineEntry(
            id=f"dead-letter:{letter.pk}",
            source=TimelineSource.DEAD_LETTER,
            name=MessageEvent.DEAD_LETTER_TAKEN,
            at=letter.taken_at,
            actor=RECONCILER,
            job=str(letter.job_id) if letter.job_id else None,
            data={"letter": letter.pk, "state": letter.state, "receive_count": letter.receive_count},
        )
