"""From the first word of an upload to its job: init, fresh URL, complete, expire."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog
from django.conf import settings
from django.db import connection, transaction

from apps.core.errors import IdempotencyKeyReused
from apps.core.idempotency import RETENTION
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
    QuotaExceeded,
    SizeNotAllowed,
    SourceNotFoundOrEmpty,
    TransitionRefused,
    UnsupportedMedia,
    UploadChecksumMismatch,
    UploadIncomplete,
)
from ..domain.keys import source_key
from ..domain.lifecycle import EventName, JobState, UploadState, VideoStatus
from ..domain.media_types import accepted_content_type
from ..domain.part_plan import UploadStrategy, plan_parts
from ..domain.ports import ObjectHead, ObjectStorage
from ..domain.quota import Limits, require_room
from ..models import Video, VideoTranscodeJob, VideoUpload
from ..selectors.quota import limits_of, usage_of
from ..selectors.videos import get_upload
from .arrangement import claim_last_position
from .lifecycle import move_upload, record_event
from .multipart import NEXT_CHECK_AFTER, assemble, discard_parts, note_activity
from .quota import claim_room, settle_charge
from .sqs_queue import VideoSQSQueue, is_sent
from .storage_errors import translated_storage_errors
from .tickets import UploadTicket, describe_ticket, require_open, sign_ticket
from .verification import MediaProber, Refused, Verified, verify_source

log = structlog.get_logger(__name__)

NO_CHECKSUMS: Mapping[str, str] = MappingProxyType({})


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
    checksums: Mapping[str, str] = NO_CHECKSUMS,
    idempotency_key: str = "",
) -> UploadTicket:
    """
    Announce an upload.

    A repeat with the same key finds the upload of the first call, also where that one died before it could answer.

    Args:
        filename: As the uploader's device names it; only its extension ends up in the storage key.
        content_type: As the browser declares it; may be empty.
        checksums: Of the whole file, by algorithm, if the uploader knows them: other bytes are then refused.

    Returns:
        A PENDING video and where to send its bytes. From `VIDEO_MULTIPART_THRESHOLD_BYTES` on they go in parts.

    Raises:
        SizeNotAllowed: Empty, or larger than one upload may be.
        FileTypeNotAllowed: Not a video by its extension or declared type.
        QuotaExceeded: The tenant's limits leave no room.
        IdempotencyKeyReused: The key announced another file before.
        StorageUnavailable: Storage did not answer; a repeat with the same key may go on with what was made.
    """
    assert_no_transaction()
    now = clock.now()
    announced = _announced_before(tenant, idempotency_key, now=now)
    if announced is not None:
        _require_same_file(announced, title=title, session=session, filename=filename, size_bytes=size_bytes)
        return sign_ticket(announced, storage=storage, now=now)
    limits = limits_of(tenant)
    if not 0 < size_bytes <= limits.file_bytes:
        raise SizeNotAllowed(size_bytes=size_bytes, limit_bytes=limits.file_bytes)
    bound_type = accepted_content_type(filename=filename, declared=content_type)
    # Asked again under the lock; here it saves storage a multipart upload that would be thrown away.
    require_room(used=usage_of(tenant), limits=limits, size_bytes=size_bytes)
    video = Video(
        pk=_next_video_id(),
        tenant=tenant,
        title=title,
        session=session,
        status=VideoStatus.PENDING,
        status_changed_at=now,
        created_at=now,
        created_by_id=created_by_id,
    )
    upload = VideoUpload(
        video_id=video.pk,
        tenant=tenant,
        filename=filename,
        content_type=bound_type,
        size_bytes=size_bytes,
        init_key=idempotency_key,
    )
    _settle_checksum(upload, checksums, storage=storage)
    return _begin(video, upload, limits=limits, storage=storage, actor=actor, now=now)


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


def _announced_before(tenant: Tenant, idempotency_key: str, *, now: datetime) -> VideoUpload | None:
    if not idempotency_key:
        return None
    uploads = VideoUpload.objects.for_tenant(tenant).filter(
        init_key=idempotency_key,
        created_at__gt=now - RETENTION,
        state=UploadState.PENDING,
        video__deleted_at=None,
    )
    return uploads.select_related("video", "video__current_job").first()


def _require_same_file(upload: VideoUpload, *, title: str, session: str, filename: str, size_bytes: int) -> None:
    known = (upload.video.title, upload.video.session, upload.filename, upload.size_bytes)
    if known != (title, session, filename, size_bytes):
        raise IdempotencyKeyReused


def _next_video_id() -> int:
    # The id is part of the key, and the key is needed before there is a row: storage comes before the transaction.
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('video', 'id'))")
        return int(cursor.fetchone()[0])


def _begin(
    video: Video, upload: VideoUpload, *, limits: Limits, storage: ObjectStorage, actor: str, now: datetime
) -> UploadTicket:
    _open_upload(upload, storage=storage, now=now)
    try:
        _insert(video, upload, limits=limits, actor=actor, now=now)
    except QuotaExceeded:
        discard_parts(upload, storage=storage)
        raise
    return sign_ticket(upload, storage=storage, now=now)


def _open_upload(upload: VideoUpload, *, storage: ObjectStorage, now: datetime) -> None:
    """Decide where and how the bytes go, and open the way in storage if they go in parts. The row is not saved."""
    upload.state = UploadState.PENDING
    upload.file_key = source_key(
        tenant_id=upload.tenant_id, video_id=upload.video_id, filename=upload.filename, token=uuid.uuid4()
    )
    upload.created_at = upload.active_at = now
    upload.next_check_at = now + NEXT_CHECK_AFTER
    upload.deadline_at = now + timedelta(seconds=settings.VIDEO_UPLOAD_DEADLINE_SECONDS)
    if upload.size_bytes >= settings.VIDEO_MULTIPART_THRESHOLD_BYTES:
        _open_multipart(upload, storage=storage, now=now)


def _open_multipart(upload: VideoUpload, *, storage: ObjectStorage, now: datetime) -> None:
    """Begin the upload's parts in storage. Dying right after leaves parts without an owner: V09."""
    plan = plan_parts(upload.size_bytes)
    with translated_storage_errors():
        upload.multipart_upload_id = storage.create_multipart(upload.file_key, content_type=upload.content_type)
    upload.strategy = UploadStrategy.MULTIPART
    upload.part_size_bytes = plan.part_size_bytes
    upload.part_count = plan.part_count
    upload.deadline_at = now + timedelta(seconds=settings.VIDEO_MULTIPART_DEADLINE_SECONDS)


@transaction.atomic
def _insert(video: Video, upload: VideoUpload, *, limits: Limits, actor: str, now: datetime) -> None:
    # In this order: whoever moves videos about holds the session's lock and waits for rows, never for the usage.
    video.position = claim_last_position(tenant=video.tenant, session=video.session)
    claim_room(tenant=video.tenant, limits=limits, size_bytes=upload.size_bytes)
    video.save(force_insert=True)
    upload.video = video
    upload.save(force_insert=True)
    settle_charge(video=video, upload=upload)
    record_event(
        video=video, event=EventName.UPLOAD_STARTED, actor=actor, now=now, data={"size_bytes": upload.size_bytes}
    )


def _settle_checksum(upload: VideoUpload, told: Mapping[str, str], *, storage: ObjectStorage) -> None:
    """Decide what storage checks of this upload to its end, whatever is configured meanwhile."""
    upload.checksum_algorithm = storage.checksum_algorithm or ""
    upload.checksum_value = told.get(upload.checksum_algorithm, "")


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
