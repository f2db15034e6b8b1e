"""The first word of an upload: what is coming, whether there is room, and where it goes."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from django.conf import settings
from django.db import connection, transaction

from apps.core.errors import IdempotencyKeyReused
from apps.core.idempotency import RETENTION
from apps.core.models import Tenant
from libs.clock import Clock
from libs.db.guards import assert_no_transaction
from libs.observability.tracing import current_traceparent, note

from ..domain.errors import QuotaExceeded, SizeNotAllowed
from ..domain.keys import source_key
from ..domain.lifecycle import EventName, UploadState, VideoStatus
from ..domain.media_types import accepted_content_type
from ..domain.part_plan import UploadStrategy, plan_parts
from ..domain.playback_policy import DEFAULT_POLICY, PlaybackPolicy
from ..domain.ports import ObjectStorage
from ..domain.quota import Limits, require_room
from ..models import Video, VideoUpload
from ..selectors.quota import limits_of, usage_of
from .arrangement import claim_last_position
from .lifecycle import record_event
from .multipart import NEXT_CHECK_AFTER, discard_parts
from .quota import claim_room, settle_charge
from .storage_errors import translated_storage_errors
from .tickets import UploadTicket, sign_ticket

NO_CHECKSUMS: Mapping[str, str] = MappingProxyType({})


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
    policy: PlaybackPolicy = DEFAULT_POLICY,
    checksums: Mapping[str, str] = NO_CHECKSUMS,
    idempotency_key: str = "",
) -> UploadTicket:
    """
    Announce an upload.

    A repeat with the same key finds the upload of the first call, also where that one died before it could answer.

    Args:
        filename: As the uploader's device names it; only its extension ends up in the storage key.
        content_type: As the browser declares it; may be empty.
        policy: What it will ask of players.
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
    video = Video(tenant=tenant, title=title, session=session, created_by_id=created_by_id)
    video.policy = policy
    upload = VideoUpload(
        tenant=tenant,
        filename=filename,
        size_bytes=size_bytes,
        init_key=idempotency_key,
        traceparent=current_traceparent(),
    )
    if (announced := _announced_before(video, upload, now=now)) is not None:
        return sign_ticket(announced, storage=storage, now=now)
    limits = limits_of(tenant)
    if not 0 < size_bytes <= limits.file_bytes:
        raise SizeNotAllowed(size_bytes=size_bytes, limit_bytes=limits.file_bytes)
    upload.content_type = accepted_content_type(filename=filename, declared=content_type)
    # Asked again under the lock; here it saves storage a multipart upload that would be thrown away.
    require_room(used=usage_of(tenant), limits=limits, size_bytes=size_bytes)
    _settle_checksum(upload, checksums, storage=storage)
    return _begin(video, upload, limits=limits, storage=storage, actor=actor, now=now)


def _announced_before(video: Video, upload: VideoUpload, *, now: datetime) -> VideoUpload | None:
    """Return the upload that a call with the same key has made and could not answer with."""
    if not upload.init_key:
        return None
    uploads = VideoUpload.objects.for_tenant(upload.tenant).filter(
        init_key=upload.init_key,
        created_at__gt=now - RETENTION,
        state=UploadState.PENDING,
        video__deleted_at=None,
    )
    known = uploads.select_related("video", "video__current_job").first()
    if known is not None and _file_of(known.video, known) != _file_of(video, upload):
        raise IdempotencyKeyReused
    return known


def _file_of(video: Video, upload: VideoUpload) -> tuple[str, str, str, int]:
    return video.title, video.session, upload.filename, upload.size_bytes


def _next_video_id() -> int:
    # The id is part of the key, and the key is needed before there is a row: storage comes before the transaction.
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('video', 'id'))")
        return int(cursor.fetchone()[0])


def _begin(
    video: Video, upload: VideoUpload, *, limits: Limits, storage: ObjectStorage, actor: str, now: datetime
) -> UploadTicket:
    video.pk = upload.video_id = _next_video_id()
    note({"video_id": video.pk})
    video.status, video.status_changed_at, video.created_at = VideoStatus.PENDING, now, now
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
