"""Videos in every state, brought there by the services that bring them there in production."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import models

from apps.core.models import Tenant
from apps.support.outbox.models import OutboxMessage
from apps.support.video.domain.contracts import ClaimedJob, TranscodeMessage, TranscodeOutput
from apps.support.video.domain.errors import UnsupportedMedia
from apps.support.video.domain.lifecycle import JobState
from apps.support.video.models import InvariantRound, Video, VideoEvent, VideoTranscodeJob, VideoUpload
from apps.support.video.recovery.invariant import World
from apps.support.video.services.announcing import init_upload
from apps.support.video.services.deletion import delete_video
from apps.support.video.services.ingest import complete_upload, expire_upload
from apps.support.video.services.jobs import Retry, cancel_video, retry_video
from apps.support.video.services.sqs_queue import VideoSQSQueue
from apps.support.video.services.tickets import UploadTicket
from apps.support.video.services.transcode import claim_job, claim_of, fail_job, publish_job, retry_job
from libs.clock import Clock, FixedClock
from libs.media.ffprobe import MediaFacts, MediaRejected
from libs.queue.client import BatchOutcome, OutgoingMessage, QueueDepth, QueueUnavailable, ReceivedMessage
from libs.s3_client.client import (
    Checksum,
    MultipartUploadMissing,
    ObjectEntry,
    ObjectMissing,
    ObjectPage,
    OpenMultipartUpload,
    StorageUnavailable,
    StoredPart,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SIZE_BYTES = 1000
LEASE_SECONDS = 60.0

FACTS = MediaFacts(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    duration_seconds=12.5,
    start_seconds=0.0,
    bit_rate=800_000,
    stream_count=2,
    fragmented=False,
    video=None,
    audio=None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHead:
    """What `MemoryStorage` knows of an object."""

    size_bytes: int
    etag: str
    content_type: str = "video/mp4"
    checksums: Mapping[str, str] = field(default_factory=dict)


class MemoryStorage:
    """
    An object storage that holds sizes, and bodies where a test gives them.

    `is_down` makes every call fail as a stopped one's would.
    """

    def __init__(self) -> None:
        self.objects: dict[str, int] = {}
        self.bodies: dict[str, bytes] = {}
        self.modified: dict[str, datetime] = {}
        """When an object was written; at noon when it is not said."""
        self.page_size = 1000
        self.multiparts: dict[str, OpenMultipartUpload] = {}
        self.parts: dict[str, list[StoredPart]] = {}
        self.checksum_algorithm: str | None = None
        self.is_down = False

    def head(self, key: str) -> StoredHead:
        self._answer()
        if key not in self.objects:
            raise ObjectMissing(key)
        return StoredHead(size_bytes=self.objects[key], etag=f"etag-of-{key[-40:]}")

    def read_bytes(self, key: str) -> bytes:
        return self.bodies.get(key, bytes(self.head(key).size_bytes))

    def write(self, key: str, body: bytes, *, modified_at: datetime = NOON) -> None:
        self.objects[key], self.bodies[key], self.modified[key] = len(body), body, modified_at

    def list_objects(self, prefix: str) -> Iterator[ObjectEntry]:
        self._answer()
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield self._entry(key)

    def list_page(self, prefix: str, *, after: str = "") -> ObjectPage:
        self._answer()
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]
        page = keys[: self.page_size]
        return ObjectPage(entries=tuple(map(self._entry, page)), is_last=len(page) == len(keys))

    def delete_prefix(self, prefix: str) -> int:
        keys = [entry.key for entry in self.list_objects(prefix)]
        for key in keys:
            del self.objects[key]
        return len(keys)

    def presign_get(self, key: str, *, expires_seconds: float) -> str:
        return f"https://storage.invalid/{key}?expires={expires_seconds:.0f}"

    def presign_public_get(self, key: str, *, expires_seconds: float, save_as: str = "") -> str:
        return self.presign_get(key, expires_seconds=expires_seconds)

    def presign_put(self, key: str, *, content_type: str, size_bytes: int, **signed: object) -> str:
        return f"https://storage.invalid/{key}?type={content_type}&length={size_bytes}"

    def create_multipart(self, key: str, *, content_type: str) -> str:
        self._answer()
        upload_id = f"multipart-{len(self.multiparts) + 1}"
        self.multiparts[upload_id] = OpenMultipartUpload(key=key, upload_id=upload_id, initiated_at=NOON)
        return upload_id

    def presign_part(self, key: str, *, upload_id: str, part_number: int, **signed: object) -> str:
        return f"https://storage.invalid/{key}?uploadId={upload_id}&partNumber={part_number}"

    def list_parts(self, key: str, *, upload_id: str) -> list[StoredPart]:
        self._open(upload_id)
        return self.parts.get(upload_id, [])

    def complete_multipart(
        self, key: str, *, upload_id: str, parts: Sequence[StoredPart], checksum: Checksum | None
    ) -> None:
        self._open(upload_id)
        self.objects[key] = sum(part.size_bytes for part in parts)
        del self.multiparts[upload_id]

    def abort_multipart(self, key: str, *, upload_id: str) -> None:
        self._answer()
        self.multiparts.pop(upload_id, None)

    def list_multiparts(self, prefix: str) -> Iterator[OpenMultipartUpload]:
        self._answer()
        yield from [upload for upload in self.multiparts.values() if upload.key.startswith(prefix)]

    def _entry(self, key: str) -> ObjectEntry:
        return ObjectEntry(key=key, size_bytes=self.objects[key], modified_at=self.modified.get(key, NOON))

    def _open(self, upload_id: str) -> OpenMultipartUpload:
        self._answer()
        if upload_id not in self.multiparts:
            raise MultipartUploadMissing(upload_id)
        return self.multiparts[upload_id]

    def _answer(self) -> None:
        if self.is_down:
            raise StorageUnavailable("stopped")


@dataclass
class StubProber:
    """Answers what the test says: facts, or a failure of probing."""

    answer: MediaFacts | Exception = FACTS
    calls: int = 0

    def probe(self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None) -> MediaFacts:
        self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class RecordingSender:
    """A queue that remembers what it took. `is_down` makes it unavailable; `on_send` runs before it answers."""

    is_down: bool = False
    sent: list[OutgoingMessage] = field(default_factory=list)
    batch_sizes: list[int] = field(default_factory=list)
    on_send: Callable[[], None] = lambda: None

    def send_batch(self, *, queue_name: str, messages: Sequence[OutgoingMessage]) -> BatchOutcome:
        self.on_send()
        if self.is_down:
            raise QueueUnavailable(f"{queue_name}: stopped")
        self.sent += messages
        self.batch_sizes.append(len(messages))
        return BatchOutcome(sent={message.entry_id: str(uuid.uuid4()) for message in messages}, refused={})

    @property
    def job_ids(self) -> list[uuid.UUID]:
        return [TranscodeMessage.parse(message.body).job_id for message in self.sent]


@dataclass
class MemoryQueue:
    """A dead-letter queue as its reader sees it. What is received is hidden until it is deleted or shown again."""

    waiting: list[ReceivedMessage] = field(default_factory=list)
    hidden: dict[str, ReceivedMessage] = field(default_factory=dict)
    is_down: bool = False
    loses_deletes: bool = False

    def put(self, body: str, *, receive_count: int = 51) -> str:
        message_id = str(uuid.uuid4())
        self.waiting.append(
            ReceivedMessage(
                message_id=message_id, body=body, receipt_handle=str(uuid.uuid4()), receive_count=receive_count
            )
        )
        return message_id

    def receive(self, *, max_messages: int, **_options: Any) -> list[ReceivedMessage]:
        self._answer()
        taken, self.waiting = self.waiting[:max_messages], self.waiting[max_messages:]
        self.hidden |= {message.receipt_handle: message for message in taken}
        return taken

    def delete(self, *, receipt_handle: str, **_options: Any) -> None:
        self._answer()
        if not self.loses_deletes:
            del self.hidden[receipt_handle]

    def depth(self, **_options: Any) -> QueueDepth:
        self._answer()
        return QueueDepth(visible=len(self.waiting), in_flight=len(self.hidden), delayed=0)

    def show_again(self) -> None:
        """Let the visibility of everything run out."""
        self.waiting, self.hidden = [*self.waiting, *self.hidden.values()], {}

    def _answer(self) -> None:
        if self.is_down:
            raise QueueUnavailable("stopped")


class Pipeline:
    """
    One tenant's pipeline at a fixed time, over PostgreSQL, with the rest of the world under the test's control.

    The methods named like states return a video that has come to that state.
    """

    def __init__(self, *, code: str = "demo", clock: Clock | None = None) -> None:
        self.tenant = Tenant.objects.create(code=code, name=f"{code} 학원")
        self.fixed_clock = FixedClock(NOON)
        self.clock: Clock = clock or self.fixed_clock
        self.storage = MemoryStorage()
        self.prober = StubProber()
        self.sender = RecordingSender()
        self.queue = VideoSQSQueue(queue=self.sender, clock=self.clock)
        self.dead_letters = MemoryQueue()
        self.world = World(
            clock=self.clock,
            storage=self.storage,
            prober=self.prober,
            queue=self.queue,
            dead_letters=self.dead_letters,
        )

    def init(self, **changes: Any) -> UploadTicket:
        fields: dict[str, Any] = {
            "title": "1강",
            "filename": "lecture.mp4",
            "size_bytes": SIZE_BYTES,
            "content_type": "video/mp4",
            "session": "",
        }
        return init_upload(
            tenant=self.tenant,
            actor="user:1",
            created_by_id=None,
            storage=self.storage,
            clock=self.clock,
            **{**fields, **changes},
        )

    def put(self, video: Video, *, size_bytes: int = SIZE_BYTES) -> None:
        self.storage.objects[self.upload_of(video).file_key] = size_bytes

    def complete(self, video: Video, *, actor: str = "user:1") -> VideoTranscodeJob:
        return complete_upload(
            tenant=self.tenant,
            video_id=video.pk,
            actor=actor,
            storage=self.storage,
            prober=self.prober,
            queue=self.queue,
            clock=self.clock,
        ).job

    def claim(self, video: Video, *, worker_id: str = "worker-a", lease_seconds: float = LEASE_SECONDS) -> ClaimedJob:
        return claim_job(
            message=self.message(video), worker_id=worker_id, lease_seconds=lease_seconds, clock=self.clock
        )

    def claim_of(self, job: VideoTranscodeJob) -> ClaimedJob:
        """Return a running job as its worker sees it."""
        return claim_of(job)

    def message(self, video: Video) -> TranscodeMessage:
        job = self.job_of(video)
        return TranscodeMessage(
            job_id=job.pk, video_id=video.pk, tenant_id=self.tenant.pk, file_key=self.upload_of(video).file_key
        )

    def publish(self, claim: ClaimedJob) -> None:
        publish_job(claim=claim, output=output_of(claim), clock=self.clock)

    def fail(self, claim: ClaimedJob, *, cause_code: str = "INPUT_MALFORMED") -> None:
        fail_job(claim=claim, cause_code=cause_code, detail="broken", clock=self.clock)

    def retry_later(self, claim: ClaimedJob, *, cause_code: str = "ENCODER_CRASH") -> JobState:
        return retry_job(claim=claim, cause_code=cause_code, detail="signal 11", clock=self.clock)

    def retry(self, video: Video) -> VideoTranscodeJob:
        return self.retried(video).job

    def retried(self, video: Video, *, force: bool = False) -> Retry:
        return retry_video(
            tenant=self.tenant, video_id=video.pk, actor="user:1", queue=self.queue, clock=self.clock, force=force
        )

    def cancel(self, video: Video) -> VideoTranscodeJob:
        return cancel_video(tenant=self.tenant, video_id=video.pk, actor="user:1", clock=self.clock)

    def delete(self, video: Video) -> None:
        delete_video(tenant=self.tenant, video_id=video.pk, actor="user:1", clock=self.clock)

    def pending(self, **changes: Any) -> Video:
        return self.init(**changes).video

    def uploaded(self, **changes: Any) -> Video:
        video = self.pending(**changes)
        self.put(video)
        self.complete(video)
        return self.fresh(video)

    def processing(self) -> Video:
        video = self.uploaded()
        self.claim(video)
        return self.fresh(video)

    def retry_wait(self) -> Video:
        video = self.uploaded()
        self.retry_later(self.claim(video))
        return self.fresh(video)

    def ready(self) -> Video:
        video = self.uploaded()
        self.publish(self.claim(video))
        return self.fresh(video)

    def reencoding(self) -> Video:
        video = self.ready()
        self.retry(video)
        return self.fresh(video)

    def failed(self) -> Video:
        video = self.uploaded()
        self.fail(self.claim(video))
        return self.fresh(video)

    def dead(self) -> Video:
        video = self.uploaded()
        VideoTranscodeJob.objects.for_tenant(self.tenant).filter(video=video).update(max_attempts=1)
        self.retry_later(self.claim(video))
        return self.fresh(video)

    def cancelled(self) -> Video:
        video = self.uploaded()
        self.cancel(video)
        return self.fresh(video)

    def refused(self) -> Video:
        video = self.pending()
        self.put(video)
        self.prober.answer = MediaRejected(cause_code="INPUT_NOT_VIDEO", detail="text")
        try:
            self.complete(video)
        except UnsupportedMedia:
            return self.fresh(video)
        finally:
            self.prober.answer = FACTS
        raise AssertionError("the file was taken")

    def expired(self) -> Video:
        video = self.pending()
        upload = self.upload_of(video)
        VideoUpload.objects.for_tenant(self.tenant).filter(pk=upload.pk).update(deadline_at=self.clock.now())
        expire_upload(upload=upload, actor="reconciler", now=self.clock.now())
        return self.fresh(video)

    def in_state(self, name: str) -> Video:
        """Return a video in one of `STATES`."""
        made: Video = getattr(self, name)()
        return made

    def fresh(self, video: Video) -> Video:
        return Video.objects.for_tenant(self.tenant).select_related("upload", "current_job").get(pk=video.pk)

    def upload_of(self, video: Video) -> VideoUpload:
        return VideoUpload.objects.for_tenant(self.tenant).get(video_id=video.pk)

    def job_of(self, video: Video) -> VideoTranscodeJob:
        """Return the current job."""
        job = self.fresh(video).current_job
        assert job is not None
        return job

    def events_of(self, video: Video) -> list[str]:
        events = VideoEvent.objects.for_tenant(self.tenant).filter(video_id=video.pk)
        return list(events.order_by("id").values_list("name", flat=True))


def write_output(pipeline: Pipeline, video: Video) -> None:
    """Store what a video's published attempt says that it has written: two renditions, sound, and its pictures."""
    prefix = video.published_prefix
    for name in ("360p", "720p", "audio"):
        pipeline.storage.write(f"{prefix}video-0000-1.mp4.{name}", bytes(600))
        pipeline.storage.write(f"{prefix}{name}.m3u8", MEDIA_PLAYLIST.format(name=name).encode())
    pipeline.storage.write(f"{prefix}master.m3u8", MASTER_PLAYLIST.encode())
    for name in ("thumbnail.jpg", "storyboard-1.jpg", "storyboard-2.jpg"):
        pipeline.storage.write(f"{prefix}{name}", b"jpeg")
    pipeline.storage.write(f"{prefix}storyboard.vtt", STORYBOARD.encode())


STORYBOARD = """WEBVTT

00:00:00.000 --> 00:00:06.000
storyboard-1.jpg#xywh=0,0,160,90

00:00:06.000 --> 00:00:12.500
storyboard-2.jpg#xywh=0,0,160,90
"""
MASTER_PLAYLIST = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="main",DEFAULT=YES,URI="audio.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=800000,AUDIO="audio"
360p.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2800000,AUDIO="audio"
720p.m3u8
"""
MEDIA_PLAYLIST = """#EXTM3U
#EXT-X-MAP:URI="video-0000-1.mp4.{name}",BYTERANGE="100@0"
#EXTINF:6.000000,
#EXT-X-BYTERANGE:300@100
video-0000-1.mp4.{name}
#EXTINF:6.500000,
#EXT-X-BYTERANGE:200@400
video-0000-1.mp4.{name}
#EXT-X-ENDLIST
"""

STATES = (
    "pending",
    "expired",
    "refused",
    "uploaded",
    "processing",
    "retry_wait",
    "ready",
    "reencoding",
    "failed",
    "dead",
    "cancelled",
)


def output_of(claim: ClaimedJob) -> TranscodeOutput:
    """Return what an attempt says that it has written."""
    return TranscodeOutput(
        duration_seconds=12.5,
        width=1280,
        height=720,
        has_audio=True,
        renditions=("360p", "720p"),
        master_key=f"{claim.output_prefix}master.m3u8",
        thumbnail_key=f"{claim.output_prefix}thumbnail.jpg",
        storyboard_key=f"{claim.output_prefix}storyboard.vtt",
        object_count=7,
        bytes_total=123_456,
        source_facts={"duration_seconds": 12.5},
    )


def messages_of(job: VideoTranscodeJob) -> list[OutboxMessage]:
    """Return the job's outbox rows, oldest first."""
    return list(OutboxMessage.objects.filter(subject=str(job.pk)).order_by("id"))


def set_back(row: models.Model, *, seconds: float, fields: Sequence[str]) -> None:
    """Move a row's times into the past, for tests that run on the machine's clock."""
    for name in fields:
        setattr(row, name, getattr(row, name) - timedelta(seconds=seconds))
    row.save(update_fields=list(fields))


def all_rows() -> dict[str, list[Any]]:
    """
    Return every row of the pipeline's tables: two equal answers mean that nothing changed.

    What the reconciler notes of its own rounds is left out.
    """
    models_of = [
        model
        for label in ("video", "outbox")
        for model in apps.get_app_config(label).get_models()
        if model is not InvariantRound
    ]
    # By the plain manager: this looks across tenants on purpose.
    return {model.__name__: list(model._base_manager.order_by("pk").values()) for model in models_of}
