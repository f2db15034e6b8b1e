"""
The state machines as data.

Each state says who moves it on; each transition has one name, and that name is the table key, the event row, the
log event and the metric label. `services.lifecycle` applies a transition; nothing else writes a state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class VideoStatus(StrEnum):
    """What a person is told. A projection of the upload and the current job, see `project_status`."""

    PENDING = "PENDING"  # the uploader moves it on; the reconciler completes it when the object is all there
    UPLOADED = "UPLOADED"  # the outbox, then the queue
    PROCESSING = "PROCESSING"  # a worker's lease
    READY = "READY"  # final
    FAILED = "FAILED"  # final; `retry` starts a new job
    EXPIRED = "EXPIRED"  # final; a late object still completes it


class UploadState(StrEnum):
    """Whether the source's bytes have been accepted."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"  # verification is sure that the file can never be played
    EXPIRED = "EXPIRED"


class JobState(StrEnum):
    """One transcode of one source. FAILED is the file's fault, DEAD is ours."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    RETRY_WAIT = "RETRY_WAIT"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    DEAD = "DEAD"
    CANCELLED = "CANCELLED"


FINISHED = (VideoStatus.READY, VideoStatus.FAILED, VideoStatus.EXPIRED)
ACTIVE_JOB_STATES = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.RETRY_WAIT})


class EventName(StrEnum):
    """Every word that may stand in `VideoEvent.name`."""

    UPLOAD_STARTED = "upload_started"
    UPLOAD_COMPLETED = "upload_completed"
    UPLOAD_REFUSED = "upload_refused"
    UPLOAD_EXPIRED = "upload_expired"
    JOB_CREATED = "job_created"
    JOB_CLAIMED = "job_claimed"
    JOB_SUCCEEDED = "job_succeeded"
    JOB_FAILED = "job_failed"
    JOB_LEASE_EXPIRED = "job_lease_expired"
    JOB_RETRY_SCHEDULED = "job_retry_scheduled"
    JOB_HANDED_BACK = "job_handed_back"
    JOB_REQUEUED = "job_requeued"
    JOB_ATTEMPTS_EXHAUSTED = "job_attempts_exhausted"
    JOB_CANCELLED = "job_cancelled"
    MESSAGE_RESENT = "message_resent"
    MESSAGE_DEAD_LETTERED = "message_dead_lettered"
    CHUNK_LEASE_EXPIRED = "chunk_lease_expired"
    STATUS_REPAIRED = "status_repaired"
    USAGE_REPAIRED = "usage_repaired"
    OUTPUT_MISSING = "output_missing"
    STORAGE_SWEPT = "storage_swept"
    VIDEO_UPDATED = "video_updated"
    VIDEO_DELETED = "video_deleted"
    VIDEO_PURGED = "video_purged"


@dataclass(frozen=True, slots=True)
class JobTransition:
    """From any of `sources` to `target`."""

    sources: frozenset[JobState]
    target: JobState


@dataclass(frozen=True, slots=True)
class UploadTransition:
    """From any of `sources` to `target`."""

    sources: frozenset[UploadState]
    target: UploadState


JOB_TRANSITIONS: Mapping[EventName, JobTransition] = MappingProxyType(
    {
        EventName.JOB_CLAIMED: JobTransition(frozenset({JobState.QUEUED}), JobState.RUNNING),
        EventName.JOB_SUCCEEDED: JobTransition(frozenset({JobState.RUNNING}), JobState.SUCCEEDED),
        EventName.JOB_FAILED: JobTransition(frozenset({JobState.RUNNING}), JobState.FAILED),
        EventName.JOB_LEASE_EXPIRED: JobTransition(frozenset({JobState.RUNNING}), JobState.RETRY_WAIT),
        EventName.JOB_RETRY_SCHEDULED: JobTransition(frozenset({JobState.RUNNING}), JobState.RETRY_WAIT),
        EventName.JOB_HANDED_BACK: JobTransition(frozenset({JobState.RUNNING}), JobState.RETRY_WAIT),
        EventName.JOB_REQUEUED: JobTransition(frozenset({JobState.RETRY_WAIT}), JobState.QUEUED),
        EventName.JOB_ATTEMPTS_EXHAUSTED: JobTransition(
            frozenset({JobState.RUNNING, JobState.RETRY_WAIT}), JobState.DEAD
        ),
        EventName.JOB_CANCELLED: JobTransition(ACTIVE_JOB_STATES, JobState.CANCELLED),
    }
)

UPLOAD_TRANSITIONS: Mapping[EventName, UploadTransition] = MappingProxyType(
    {
        EventName.UPLOAD_COMPLETED: UploadTransition(
            frozenset({UploadState.PENDING, UploadState.EXPIRED}), UploadState.ACCEPTED
        ),
        EventName.UPLOAD_REFUSED: UploadTransition(
            frozenset({UploadState.PENDING, UploadState.EXPIRED}), UploadState.REFUSED
        ),
        EventName.UPLOAD_EXPIRED: UploadTransition(frozenset({UploadState.PENDING}), UploadState.EXPIRED),
    }
)

# Of a video that has nothing published.
STATUS_OF_JOB: Mapping[JobState, VideoStatus] = MappingProxyType(
    {
        JobState.QUEUED: VideoStatus.UPLOADED,
        JobState.RETRY_WAIT: VideoStatus.UPLOADED,
        JobState.RUNNING: VideoStatus.PROCESSING,
        # What a job has published makes a video READY; of one that succeeded, the output is gone and so is the source.
        JobState.SUCCEEDED: VideoStatus.FAILED,
        JobState.FAILED: VideoStatus.FAILED,
        JobState.DEAD: VideoStatus.FAILED,
        JobState.CANCELLED: VideoStatus.FAILED,
    }
)

STATUS_OF_UPLOAD: Mapping[UploadState, VideoStatus] = MappingProxyType(
    {
        UploadState.PENDING: VideoStatus.PENDING,
        UploadState.ACCEPTED: VideoStatus.UPLOADED,
        UploadState.REFUSED: VideoStatus.FAILED,
        UploadState.EXPIRED: VideoStatus.EXPIRED,
    }
)


def project_status(*, upload: UploadState, job: JobState | None, published: bool) -> VideoStatus:
    """
    Derive what a person is told from the facts.

    A published video stays READY whatever a re-encode does: the pointer switches only when the new output is whole.
    """
    if published:
        return VideoStatus.READY
    if upload is UploadState.ACCEPTED and job is not None:
        return STATUS_OF_JOB[job]
    return STATUS_OF_UPLOAD[upload]
