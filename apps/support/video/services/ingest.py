"""From the first word of an upload to its job: init, fresh URL, complete, expire."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from apps.core.models import Tenant
from libs.clock import Clock
from libs.db.guards import assert_no_transaction
from libs.s3_client.client import StorageError

from ..domain.actions import VideoAction
from ..domain.errors import (
    EnqueueFailed,
    InvalidStatus,
    PresignedGetFailed,
    SizeNotAllowed,
    SourceNotFoundOrEmpty,
    TransitionRefused,
    UnsupportedMedia,
    UploadIncomplete,
    UploadUrlExpired,
)
from ..domain.keys import source_key
from ..domain.lifecycle import ACTIVE_JOB_STATES, EventName, UploadState, VideoStatus
from ..domain.media_types import accepted_content_type
from ..domain.ports import ObjectHead, ObjectStorage
from ..models import Video, VideoTranscodeJob, VideoUpload
from ..selectors.videos import get_upload
from .lifecycle import move_upload, record_event
from .sqs_queue import VideoSQSQueue, is_sent
from .storage_errors import translated_storage_errors
from .verification import MediaProber, Refused, Verified, verify_source

log = structlog.get_logger(__name__)

FIRST_CHECK_AFTER = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTicket:
    """What the browser needs to send the bytes: one PUT to `upload_url` with exactly these headers."""

    video: Video
    upload_url: str
    file_key: str
    content_type: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedUpload:
    """An accepted upload and its one active job, whose message SQS has taken."""

    video: Video
    job: VideoTranscodeJob
    verified: bool


def init_upload(
    *,
    tenant: Tenant,
    actor: str,
    created_by_id: int | None,
    title: str,
    filename: str,
    size_bytes: int,
    content_type: str,
    session: str,
    storage: ObjectStorage,
    clock: Clock,
) -> UploadTicket:
    """
    Announce an upload.

    Args:
        filename: As the uploader's device names it; only its extension ends up in the storage key.
        content_type: As the browser declares it; may be empty.

    Returns:
        A PENDING video and where to send its bytes.

    Raises:
        SizeNotAllowed: Empty, or larger than one upload may be.
        FileTypeNotAllowed: Not a video by its extension or declared type.
    """
    limit_bytes = settings.VIDEO_MAX_UPLOAD_BYTES
    if not 0 < size_bytes <= limit_bytes:
        raise SizeNotAllowed(size_bytes=size_bytes, limit_bytes=limit_bytes)
    bound_type = accepted_content_type(filename=filename, declared=content_type)
    now = clock.now()
    with transaction.atomic():
        video = Video.objects.create(
            tenant=tenant,
            title=title,
            session=session,
            position=_next_position(tenant=tenant, session=session),
            status=VideoStatus.PENDING,
            status_changed_at=now,
            created_at=now,
            created_by_id=created_by_id,
        )
        upload = VideoUpload.objects.create(
            video=video,
            tenant=tenant,
            state=UploadState.PENDING,
            file_key=source_key(tenant_id=tenant.pk, video_id=video.pk, filename=filename, token=uuid.uuid4()),
            filename=filename,
            content_type=bound_type,
            size_bytes=size_bytes,
            created_at=now,
            deadline_at=now + timedelta(seconds=settings.VIDEO_UPLOAD_DEADLINE_SECONDS),
            next_check_at=now + FIRST_CHECK_AFTER,
        )
        record_event(video=video, event=EventName.UPLOAD_STARTED, actor=actor, now=now, data={"size_bytes": size_bytes})
    return _ticket(upload, storage=storage, now=now)


def refresh_upload_url(*, tenant: Tenant, video_id: int, storage: ObjectStorage, clock: Clock) -> UploadTicket:
    """
    Sign a fresh URL for an upload that has not arrived.

    Raises:
        VideoNotFound: No such video for this tenant.
        UploadUrlExpired: The upload's deadline has passed.
        InvalidStatus: The upload is over.
    """
    upload = get_upload(tenant=tenant, video_id=video_id)
    now = clock.now()
    if upload.state == UploadState.EXPIRED or (upload.state == UploadState.PENDING and upload.deadline_at <= now):
        raise UploadUrlExpired
    if upload.state != UploadState.PENDING:
        raise _invalid_status(upload.video, VideoAction.REFRESH_URL)
    return _ticket(upload, storage=storage, now=now)


def complete_upload(
    *,
    tenant: Tenant,
    video_id: int,
    actor: str,
    storage: ObjectStorage,
    prober: MediaProber,
    queue: VideoSQSQueue,
    clock: Clock,
) -> CompletedUpload:
    """
    Accept a finished upload, enqueue its transcode, and send the message.

    Calling it again while the message is unsent tries the send again. Two calls at once make one job.

    Args:
        tenant: Owner. A video of another tenant counts as not found.
        actor: Who says that the upload is finished: its uploader, or the reconciler.
        storage: Read only; called before the transaction opens.
        prober: Reads container facts within `VIDEO_PROBE_TIMEOUT_SECONDS`.

    Returns:
        The video and its one active job.

    Raises:
        VideoNotFound: No such video for this tenant.
        InvalidStatus: The upload was accepted or refused before, and nothing is left to send.
        SourceNotFoundOrEmpty: No object, or an empty one.
        UploadIncomplete: Its size in bytes differs from the announced one.
        PresignedGetFailed: No URL to read it could be signed.
        UnsupportedMedia: It can never be played; the video is FAILED.
        StorageUnavailable: Storage did not answer; safe to call again.
        EnqueueFailed: All is stored, but SQS did not take the message in time; the relay goes on.

    Source:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    assert_no_transaction()
    upload = get_upload(tenant=tenant, video_id=video_id)
    if upload.state not in {UploadState.PENDING, UploadState.EXPIRED}:
        return _send_again(upload, queue=queue)
    head = _head_whole_object(upload, storage=storage)
    url = _sign_source_url(upload, storage=storage)
    verdict = verify_source(url=url, etag=head.etag, prober=prober, video_id=video_id)
    try:
        if isinstance(verdict, Refused):
            _refuse(upload, verdict=verdict, head=head, actor=actor, now=clock.now())
            raise UnsupportedMedia(cause_code=verdict.cause_code, video_id=video_id)
        job = _accept(upload, verdict=verdict, head=head, actor=actor, queue=queue, now=clock.now())
    except TransitionRefused:
        # Another call was first. What it made is what this one answers with.
        return _send_again(get_upload(tenant=tenant, video_id=video_id), queue=queue)
    _send(job, queue=queue)
    return CompletedUpload(video=job.video, job=job, verified=isinstance(verdict, Verified))


def expire_upload(*, upload: VideoUpload, actor: str, now: datetime) -> None:
    """
    End an upload whose deadline has passed. A late object still completes it.

    Raises:
        TransitionRefused: It has been completed meanwhile.
    """
    with transaction.atomic():
        move_upload(upload=upload, event=EventName.UPLOAD_EXPIRED, actor=actor, now=now)


def _next_position(*, tenant: Tenant, session: str) -> int:
    with connection.cursor() as cursor:
        # Two uploads to one session take their numbers one after the other.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"position:{tenant.pk}:{session}"])
    videos = Video.objects.for_tenant(tenant).filter(session=session, deleted_at=None)
    return (videos.aggregate(last=Max("position"))["last"] or 0) + 1


def _ticket(upload: VideoUpload, *, storage: ObjectStorage, now: datetime) -> UploadTicket:
    lifetime_seconds = settings.VIDEO_UPLOAD_URL_TTL_SECONDS
    with translated_storage_errors():
        url = storage.presign_put(
            upload.file_key,
            content_type=upload.content_type,
            size_bytes=upload.size_bytes,
            expires_seconds=lifetime_seconds,
        )
    return UploadTicket(
        video=upload.video,
        upload_url=url,
        file_key=upload.file_key,
        content_type=upload.content_type,
        headers={"Content-Type": upload.content_type, "If-None-Match": "*"},
        expires_at=now + timedelta(seconds=lifetime_seconds),
    )


def _head_whole_object(upload: VideoUpload, *, storage: ObjectStorage) -> ObjectHead:
    with translated_storage_errors():
        head = storage.head(upload.file_key)
    if head.size_bytes == 0:
        raise SourceNotFoundOrEmpty
    if head.size_bytes != upload.size_bytes:
        raise UploadIncomplete(stored_bytes=head.size_bytes, declared_bytes=upload.size_bytes)
    return head


def _sign_source_url(upload: VideoUpload, *, storage: ObjectStorage) -> str:
    try:
        return storage.presign_get(upload.file_key, expires_seconds=600)
    except StorageError as error:
        raise PresignedGetFailed from error


def _accept(
    upload: VideoUpload, *, verdict: object, head: ObjectHead, actor: str, queue: VideoSQSQueue, now: datetime
) -> VideoTranscodeJob:
    verified = isinstance(verdict, Verified)
    facts = verdict.facts if isinstance(verdict, Verified) else {}
    with transaction.atomic():
        video = move_upload(
            upload=upload,
            event=EventName.UPLOAD_COMPLETED,
            actor=actor,
            now=now,
            upload_fields={"etag": head.etag, "completed_at": now, "verified": verified, "media_facts": facts},
            video_fields={"duration_seconds": facts.get("duration_seconds")},
            data={"verification": "verified" if verified else "deferred"},
        )
        return queue.create_job_and_enqueue(video, actor=actor)


def _refuse(upload: VideoUpload, *, verdict: Refused, head: ObjectHead, actor: str, now: datetime) -> None:
    with transaction.atomic():
        move_upload(
            upload=upload,
            event=EventName.UPLOAD_REFUSED,
            actor=actor,
            now=now,
            upload_fields={"etag": head.etag, "completed_at": now},
            video_fields={"failure_code": verdict.cause_code, "failure_detail": verdict.detail},
            data={"cause_code": verdict.cause_code},
        )


def _send_again(upload: VideoUpload, *, queue: VideoSQSQueue) -> CompletedUpload:
    job = upload.video.current_job
    if job is None or job.state not in ACTIVE_JOB_STATES or is_sent(job):
        raise _invalid_status(upload.video, VideoAction.COMPLETE)
    _send(job, queue=queue)
    return CompletedUpload(video=upload.video, job=job, verified=upload.verified)


def _send(job: VideoTranscodeJob, *, queue: VideoSQSQueue) -> None:
    try:
        queue.enqueue_by_job(job)
    except EnqueueFailed:
        log.error(
            "enqueue_failed",
            message="VIDEO_UPLOAD_ENQUEUE_FAILED",
            video_id=job.video_id,
            tenant_id=job.tenant_id,
            job_id=str(job.pk),
        )
        raise


def _invalid_status(video: Video, action: VideoAction) -> InvalidStatus:
    job_id = str(video.current_job_id) if video.current_job_id else None
    return InvalidStatus(status=video.status, action=str(action), video_id=video.pk, job_id=job_id)
