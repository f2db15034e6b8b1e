"""Looking at one video from every side, for `diagnose` to conclude from."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from django.conf import settings
from django.db.models import Max

from apps.support.outbox.models import OutboxMessage
from libs.clock import Clock
from libs.db.guards import assert_no_transaction
from libs.queue.client import QueueDepth, QueueUnavailable
from libs.s3_client.client import ObjectMissing, StorageDenied, StorageError, StorageThrottled, StorageUnavailable

from ..domain.causes import Cause
from ..domain.diagnosis import (
    Diagnosis,
    JobSeen,
    LineSeen,
    MessageSeen,
    Situation,
    StorageAnswer,
    UploadSeen,
    diagnose,
)
from ..domain.lifecycle import EventName, JobState, UploadState
from ..domain.ports import ObjectStorage
from ..models import Video, VideoEvent, VideoTranscodeJob, VideoUpload, WorkerBeat
from .schedule import position_in_line, running_jobs_of


class MeasuredQueue(Protocol):
    """A queue that tells how full it is, or raises `QueueUnavailable`."""

    def depth(self, *, queue_name: str) -> QueueDepth: ...


class EvidenceSource(StrEnum):
    """Where a piece of evidence was seen."""

    TABLE = "table"
    OUTBOX = "outbox"
    LEASE = "lease"
    STORAGE = "storage"
    QUEUE = "queue"
    FLEET = "fleet"
    DEAD_LETTERS = "dead_letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that was seen, and how old the sight is. `internals` are for operators only."""

    source: EvidenceSource
    age_seconds: float
    facts: dict[str, Any]
    internals: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The diagnosis of a video, and what it rests on."""

    diagnosis: Diagnosis
    evidence: tuple[Evidence, ...]


def explain_video(*, video: Video, storage: ObjectStorage, queue: MeasuredQueue, clock: Clock) -> Explanation:
    """
    Say why a video is where it is. One look at the tables, and at storage or the queue only where they matter.

    Args:
        video: With its upload and current job, as `get_video` returns it.
        storage: Asked for the source while the upload is not accepted.
        queue: Asked for its depth while a job waits in it, be it for a retry that is due.
    """
    assert_no_transaction()
    now = clock.now()
    job = video.current_job
    job_seen = _job_seen(job) if job else None
    is_in_line = job_seen is not None and job_seen.stands_in_line(now=now)
    message = OutboxMessage.objects.filter(subject=str(job.pk)).order_by("-id").first() if job else None
    stored = _look_into_storage(video, storage=storage)
    depth = _queue_depth(queue) if is_in_line else None
    dead_letter = _dead_letter_event(job) if job else None
    situation = Situation(
        now=now,
        is_published=bool(video.published_prefix),
        is_deleted=video.deleted_at is not None,
        since=video.status_changed_at,
        failure_code=video.failure_code,
        upload=_upload_seen(video.upload, stored=stored),
        job=job_seen,
        message=_message_seen(message) if message else None,
        line=_line_seen(job, depth=depth, now=now) if job and is_in_line else _NOT_IN_LINE,
        dead_lettered_at=dead_letter.at if dead_letter else None,
        redelivery_window=timedelta(seconds=settings.VIDEO_REDELIVERY_WINDOW_SECONDS),
        stall_after=timedelta(seconds=settings.VIDEO_STALL_SECONDS),
    )
    evidence = _evidence(situation, video=video, message=message, depth=depth)
    if dead_letter is not None:
        evidence.append(_dead_letter_evidence(dead_letter, now=now))
    return Explanation(diagnosis=diagnose(situation), evidence=tuple(evidence))


def last_worker_seen_at(*, now: datetime) -> datetime | None:
    """Return when any worker was last known to live. A held lease is a sign of life too."""
    beat = WorkerBeat.objects.aggregate(last=Max("seen_at"))["last"]
    leases = VideoTranscodeJob.objects.across_tenants().filter(state=JobState.RUNNING, lease_until__gt=now)
    return now if leases.exists() else beat


@dataclass(frozen=True, slots=True, kw_only=True)
class _StorageSeen:
    answer: StorageAnswer
    stored_bytes: int = 0
    is_another_file: bool = False
    parts_stored: int = 0


def _look_into_storage(video: Video, *, storage: ObjectStorage) -> _StorageSeen:
    upload = video.upload
    if video.deleted_at is not None or upload.state not in {UploadState.PENDING, UploadState.EXPIRED}:
        return _StorageSeen(answer=StorageAnswer.NOT_ASKED)
    try:
        head = storage.head(upload.file_key)
        return _StorageSeen(
            answer=StorageAnswer.PRESENT,
            stored_bytes=head.size_bytes,
            is_another_file=upload.is_announced_otherwise(head.checksums),
        )
    except ObjectMissing:
        return _look_at_parts(upload, storage=storage)
    except StorageDenied:
        return _StorageSeen(answer=StorageAnswer.DENIED)
    except StorageThrottled:
        return _StorageSeen(answer=StorageAnswer.THROTTLED)
    except StorageUnavailable:
        return _StorageSeen(answer=StorageAnswer.UNAVAILABLE)


def _look_at_parts(upload: VideoUpload, *, storage: ObjectStorage) -> _StorageSeen:
    if upload.plan is None or not upload.multipart_upload_id:
        return _StorageSeen(answer=StorageAnswer.MISSING)
    try:
        parts = storage.list_parts(upload.file_key, upload_id=upload.multipart_upload_id)
    except StorageError:
        # The object was asked for a moment ago and is not there; how many of its parts are is a detail.
        return _StorageSeen(answer=StorageAnswer.MISSING)
    whole = upload.plan.part_count - len(upload.plan.missing({part.part_number: part.size_bytes for part in parts}))
    stored_bytes = sum(part.size_bytes for part in parts)
    return _StorageSeen(answer=StorageAnswer.MISSING, stored_bytes=stored_bytes, parts_stored=whole)


def _dead_letter_event(job: VideoTranscodeJob) -> VideoEvent | None:
    """Return when the queue last gave up on a message of the job, in the job's present state."""
    events = VideoEvent.objects.for_tenant(job.tenant_id).filter(video_id=job.video_id, job=job)
    given_up = events.filter(name=EventName.MESSAGE_DEAD_LETTERED, at__gte=job.state_changed_at)
    return given_up.order_by("-id").first()


def _dead_letter_evidence(event: VideoEvent, *, now: datetime) -> Evidence:
    return Evidence(
        source=EvidenceSource.DEAD_LETTERS,
        age_seconds=_age(event.at, now),
        facts={},
        internals={"receive_count": event.data.get("receive_count")},
    )


def _queue_depth(queue: MeasuredQueue) -> QueueDepth | None:
    try:
        return queue.depth(queue_name=settings.VIDEO_SQS_QUEUE_NAME)
    except QueueUnavailable:
        return None


def _upload_seen(upload: VideoUpload, *, stored: _StorageSeen) -> UploadSeen:
    return UploadSeen(
        state=UploadState(upload.state),
        created_at=upload.created_at,
        deadline_at=upload.deadline_at,
        url_expires_at=upload.active_at + timedelta(seconds=settings.VIDEO_UPLOAD_URL_TTL_SECONDS),
        declared_bytes=upload.size_bytes,
        next_check_at=upload.next_check_at,
        storage=stored.answer,
        stored_bytes=stored.stored_bytes,
        is_another_file=stored.is_another_file,
        parts_stored=stored.parts_stored,
        parts_planned=upload.part_count or 0,
    )


def _job_seen(job: VideoTranscodeJob) -> JobSeen:
    return JobSeen(
        state=JobState(job.state),
        since=job.state_changed_at,
        attempt=job.attempt_count,
        loss_count=_loss_count(job),
        worker_id=job.worker_id,
        lease_until=job.lease_until,
        next_attempt_at=job.next_attempt_at,
        progress_at=job.progress_at,
        remaining_seconds=job.remaining_seconds,
        cause_code=job.cause_code,
    )


def _loss_count(job: VideoTranscodeJob) -> int:
    """Count the workers that went silent on a job. Its retry budget counts failures of every kind."""
    if job.cause_code != Cause.WORKER_LOST:
        return 0
    events = VideoEvent.objects.for_tenant(job.tenant_id).filter(video_id=job.video_id, job=job)
    return events.filter(
        name__in=[EventName.JOB_LEASE_EXPIRED, EventName.JOB_ATTEMPTS_EXHAUSTED], data__cause_code=Cause.WORKER_LOST
    ).count()


def _message_seen(message: OutboxMessage) -> MessageSeen:
    return MessageSeen(
        created_at=message.created_at,
        due_at=message.due_at,
        sent_at=message.sent_at,
        last_error=message.last_error,
    )


_NOT_IN_LINE = LineSeen(
    position=None, queue_is_empty=None, last_worker_seen_at=None, tenant_running=0, tenant_limit=None
)


def _line_seen(job: VideoTranscodeJob, *, depth: QueueDepth | None, now: datetime) -> LineSeen:
    return LineSeen(
        # A retry takes its place when a worker hears of it, behind all who are there by then.
        position=position_in_line(job, since=job.state_changed_at if job.state == JobState.QUEUED else now),
        queue_is_empty=None if depth is None else depth.visible + depth.in_flight + depth.delayed == 0,
        last_worker_seen_at=last_worker_seen_at(now=now),
        tenant_running=running_jobs_of(job.tenant_id),
        tenant_limit=settings.VIDEO_TENANT_RUNNING_LIMIT,
    )


def _evidence(
    seen: Situation, *, video: Video, message: OutboxMessage | None, depth: QueueDepth | None
) -> list[Evidence]:
    found = [
        Evidence(
            source=EvidenceSource.TABLE,
            age_seconds=0.0,
            facts={"status": video.status, "upload": seen.upload.state, "job": seen.job.state if seen.job else None},
            internals={"failure_code": video.failure_code, "failure_detail": video.failure_detail},
        )
    ]
    if seen.upload.storage is not StorageAnswer.NOT_ASKED:
        found.append(
            Evidence(
                source=EvidenceSource.STORAGE,
                age_seconds=0.0,
                facts={
                    "answer": seen.upload.storage,
                    "stored_bytes": seen.upload.stored_bytes,
                    "declared_bytes": seen.upload.declared_bytes,
                    "parts_stored": seen.upload.parts_stored,
                    "parts_planned": seen.upload.parts_planned,
                },
                internals={"file_key": video.upload.file_key},
            )
        )
    return [*found, *_job_evidence(seen, message=message, depth=depth)]


def _job_evidence(seen: Situation, *, message: OutboxMessage | None, depth: QueueDepth | None) -> list[Evidence]:
    found: list[Evidence] = []
    job = seen.job
    if message is not None:
        internals = {"due_at": message.due_at, "tries": message.attempt_count, "last_error": message.last_error}
        found.append(
            Evidence(
                source=EvidenceSource.OUTBOX,
                age_seconds=_age(message.created_at, seen.now),
                facts={"sent_at": message.sent_at},
                internals=internals,
            )
        )
    if depth is not None:
        found.append(Evidence(source=EvidenceSource.QUEUE, age_seconds=0.0, facts={}, internals=asdict(depth)))
    if job is not None and job.stands_in_line(now=seen.now):
        internals = {"last_worker_seen_at": seen.line.last_worker_seen_at, "tenant_running": seen.line.tenant_running}
        found.append(
            Evidence(
                source=EvidenceSource.FLEET,
                age_seconds=0.0,
                facts={"position_in_line": seen.line.position},
                internals=internals,
            )
        )
    if job is not None and job.state is JobState.RUNNING:
        internals = {"worker_id": job.worker_id, "lease_until": job.lease_until}
        found.append(
            Evidence(
                source=EvidenceSource.LEASE,
                age_seconds=_age(job.progress_at or job.since, seen.now),
                facts={"attempt": job.attempt, "remaining_seconds": job.remaining_seconds},
                internals=internals,
            )
        )
    return found


def _age(then: datetime, now: datetime) -> float:
    return round((now - then).total_seconds(), 3)
