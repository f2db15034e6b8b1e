"""The second, faster path to V06: the bucket itself says that an object has arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections

from libs.queue.client import QueueUnavailable, ReceiptHandleStale, ReceivedMessage

from ..domain.errors import StorageUnavailable, TransitionRefused, VideoError
from ..domain.lifecycle import UploadState
from ..domain.storage_events import UnreadableEvent, arrived_keys
from ..models import VideoUpload
from .invariant import World
from .uploads import complete_arrived

log = structlog.get_logger(__name__)

BATCH = 10
# Shorter than the ten seconds in which a process is expected to stop.
WAIT_SECONDS = 5
# Longer than ten probes take one after the other.
VISIBILITY_SECONDS = 120
PAUSE_SECONDS = 5.0


class EventSource(Protocol):
    """A queue of the bucket's events. Methods raise `QueueUnavailable`, and `delete` also `ReceiptHandleStale`."""

    def receive(
        self, *, queue_name: str, max_messages: int, wait_seconds: int, visibility_seconds: int
    ) -> Sequence[ReceivedMessage]: ...
    def delete(self, *, queue_name: str, receipt_handle: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsReport:
    """What one step did: messages received, uploads completed, messages left for later."""

    received: int
    completed: int
    kept: int


def drain_storage_events(
    world: World, *, events: EventSource, queue_name: str, wait_seconds: int = WAIT_SECONDS
) -> EventsReport:
    """
    Receive some events and complete the uploads that they announce.

    A message is deleted once all its objects have their outcome; one that storage or the database kept from it comes
    again. Keys that are not ours, and messages that are no events, are nothing to wait for.

    Raises:
        QueueUnavailable: The queue did not answer.
    """
    messages = events.receive(
        queue_name=queue_name, max_messages=BATCH, wait_seconds=wait_seconds, visibility_seconds=VISIBILITY_SECONDS
    )
    completed = kept = 0
    for message in messages:
        try:
            completed += _settle(message, world=world)
        except (StorageUnavailable, OperationalError, InterfaceError) as error:
            log.warning("storage_event_kept", message_id=message.message_id, error=str(error))
            kept += 1
            continue
        _delete(message, events=events, queue_name=queue_name)
    return EventsReport(received=len(messages), completed=completed, kept=kept)


def run_storage_events(world: World, *, events: EventSource, queue_name: str, stop: Event) -> None:
    """Drain until `stop` is set. Survives a queue or database that comes and goes: V06 is the net below."""
    while not stop.is_set():
        try:
            close_old_connections()
            drain_storage_events(world, events=events, queue_name=queue_name)
        except QueueUnavailable as error:
            log.warning("storage_events_unavailable", error=str(error))
            stop.wait(PAUSE_SECONDS)
        except Exception:
            log.exception("storage_events_crashed")
            stop.wait(PAUSE_SECONDS)


def _settle(message: ReceivedMessage, *, world: World) -> int:
    try:
        keys = arrived_keys(message.body, bucket=settings.S3_BUCKET)
    except UnreadableEvent as error:
        log.warning("storage_event_unreadable", message_id=message.message_id, error=str(error))
        return 0
    uploads = VideoUpload.objects.across_tenants().filter(
        file_key__in=keys, state__in=[UploadState.PENDING, UploadState.EXPIRED], video__deleted_at=None
    )
    return sum(_complete(upload, world=world) for upload in uploads.select_related("tenant"))


def _complete(upload: VideoUpload, *, world: World) -> int:
    try:
        complete_arrived(upload, world=world)
    except StorageUnavailable:
        raise
    except (TransitionRefused, VideoError) as error:
        # Somebody was faster, or the object is not what was announced. V06 goes on looking at the upload.
        log.info("storage_event_passed", video_id=upload.video_id, tenant_id=upload.tenant_id, reason=str(error))
        return 0
    return 1


def _delete(message: ReceivedMessage, *, events: EventSource, queue_name: str) -> None:
    try:
        events.delete(queue_name=queue_name, receipt_handle=message.receipt_handle)
    except ReceiptHandleStale:
        log.info("storage_event_came_again", message_id=message.message_id)
