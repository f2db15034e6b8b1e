"""From an announced upload to its job: fresh URL, complete, expire."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction

from apps.core.models import Tenant
from libs.clock import Clock
from libs.db.guards import assert_no_transaction
from libs.s3_client.client import StorageError

from ..domain.actions import VideoAction
from ..domain.checksums import Checksum
from ..domain.errors import (
    EnqueueFailed,
    InvalidStatus,
    PresignedGetFailed,
    SourceNotFoundOrEmpty,
    TransitionRefused,
    UnsupportedMedia,
    UploadChecksumMismatch,
    UploadIncomplete,
)
from ..domain.lifecycle import EventName, JobState, UploadState, VideoStatus
from ..domain.ports import ObjectHead, ObjectStorage
from ..models import Video, VideoTranscodeJob, VideoUpload
from ..selectors.quota import limits_of
from ..selectors.videos import get_upload
from .announcing import NO_CHECKSUMS
from .lifecycle import move_upload
from .multipart import assemble, note_activity
from .sqs_queue import VideoSQSQueue, is_sent
from .storage_errors import translated_storage_errors
from .tickets import UploadTicket, describe_ticket, require_open, sign_ticket
from .verification import MediaProber, Refused, Verified, verify_source

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedUpload:
    """An accepted upload and its one active job, whose message SQS has taken."""

    video: Video
    job: VideoTranscodeJob
    verified: bool


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
    require_open(upload, now=now)
    if upload.state != UploadState.PENDING:
        raise _invalid_status(upload.video, VideoAction.REFRESH_URL)
    note_activity(upload, now=now)
    return sign_ticket(upload, storage=storage, now=now)


def describe_upload(*, tenant: Tenant, video_id: int, clock: Clock) -> UploadTicket:
    """
    Return how an unfinished upload is to be sent, for a client that comes back to it.

    Raises:
        VideoNotFound: No such video for this tenant.
        UploadUrlExpired: The upload's deadline has passed.
        InvalidStatus: The upload is over.
    """
    upload = get_upload(tenant=tenant, video_id=video_id)
    if upload.state != UploadState.PENDING:
        raise _invalid_status(upload.video, VideoAction.COMPLETE)
    require_open(upload, now=clock.now())
    return describe_ticket(upload)


def complete_upload(
    *,
    tenant: Tenant,
    video_id: int,
    actor: str,
    storage: ObjectStorage,
    prober: MediaProber,
    queue: VideoSQSQueue,
    clock: Clock,
    checksums: Mapping[str, str] = NO_CHECKSUMS,
) -> CompletedUpload:
    """
    Accept a finished upload, enqueue its transcode, and send the message.

    Calling it again while the message is unsent tries the send again. Two calls at once make one job.

    Args:
        tenant: Owner. A video of another tenant counts as not found.
        actor: Who says that the upload is finished: its uploader, or the reconciler.
        storage: Called before the transaction opens; makes one object of an upload's parts.
        prober: Reads container facts within `VIDEO_PROBE_TIMEOUT_SECONDS`.
        checksums: Of the whole file, by algorithm, if the uploader has worked them out while sending.

    Returns:
        The video and its one active job.

    Raises:
        VideoNotFound: No such video for this tenant.
        InvalidStatus: The upload was accepted or refused before, and nothing is left to send.
        SourceNotFoundOrEmpty: No object, or an empty one.
        UploadIncomplete: Its size in bytes differs from the announced one, or parts are missing.
        UploadChecksumMismatch: What storage has is not the announced file.
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
    head = _whole_object(upload, storage=storage, checksum=_announced_checksum(upload, checksums))
    url = _sign_source_url(upload, storage=storage)
    verdict = verify_source(
        url=url, etag=head.etag, prober=prober, video_id=video_id, longest_seconds=limits_of(tenant).duration_seconds
    )
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


def _announced_checksum(upload: VideoUpload, told: Mapping[str, str]) -> Checksum | None:
    """Return the checksum that the object must have, if known. One told now is kept: V06 must not accept otherwise."""
    known, value = upload.checksum_value, told.get(upload.checksum_algorithm, "")
    if value and known and value != known:
        raise UploadChecksumMismatch(video_id=upload.video_id)
    if value and not known:
        VideoUpload.objects.for_tenant(upload.tenant_id).filter(pk=upload.pk, checksum_value="").update(
            checksum_value=value
        )
    return upload.as_checksum(known or value)


def _whole_object(upload: VideoUpload, *, storage: ObjectStorage, checksum: Checksum | None) -> ObjectHead:
    """Return the facts of the object that an upload has become, after making one of its parts."""
    assemble(upload, storage=storage, checksum=checksum)
    with translated_storage_errors():
        head = storage.head(upload.file_key)
    if head.size_bytes == 0:
        raise SourceNotFoundOrEmpty
    if head.size_bytes != upload.size_bytes:
        raise UploadIncomplete(stored_bytes=head.size_bytes, declared_bytes=upload.size_bytes)
    if checksum and head.checksums.get(checksum.algorithm, checksum.value) != checksum.value:
        raise UploadChecksumMismatch(video_id=upload.video_id)
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
            upload_fields={
                "etag": head.etag,
                "completed_at": now,
                "verified": verified,
                "media_facts": facts,
                "multipart_upload_id": "",
            },
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
            upload_fields={"etag": head.etag, "completed_at": now, "multipart_upload_id": ""},
            video_fields={"failure_code": verdict.cause_code, "failure_detail": verdict.detail},
            data={"cause_code": verdict.cause_code},
        )


def _send_again(upload: VideoUpload, *, queue: VideoSQSQueue) -> CompletedUpload:
    job = upload.video.current_job
    # A later message of the job, a retry's or a re-encode's, is the relay's alone and not due yet.
    if upload.video.status != VideoStatus.UPLOADED or job is None or job.state != JobState.QUEUED or is_sent(job):
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
