"""Uploads in parts: sign them, say what storage has, make one object of them, or throw them away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.core.models import Tenant
from libs.clock import Clock
from libs.db.guards import assert_no_transaction
from libs.s3_client.client import MultipartUploadMissing

from ..domain.checksums import Checksum, ChecksumAlgorithm
from ..domain.errors import (
    InvalidStatus,
    PartChecksumsInvalid,
    PartNumbersInvalid,
    SourceNotFoundOrEmpty,
    TransitionRefused,
    UploadIncomplete,
    UploadNotMultipart,
    UploadUrlExpired,
)
from ..domain.lifecycle import EventName, UploadState
from ..domain.part_plan import PartPlan
from ..domain.ports import ObjectStorage, StoredPart
from ..models import Video, VideoUpload
from ..selectors.videos import get_upload
from .lifecycle import move_upload
from .storage_errors import translated_storage_errors
from .tickets import checksum_headers, require_open

NEXT_CHECK_AFTER = timedelta(seconds=20)
# More would make the answer long without telling the uploader more: they send what ListParts does not show.
MISSING_PARTS_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTicket:
    """One part: PUT exactly `size_bytes` to `url` with exactly these headers."""

    part_number: int
    url: str
    headers: Mapping[str, str]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTickets:
    """Parts that may be sent until `expires_at`."""

    parts: tuple[PartTicket, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredParts:
    """What storage has of an upload. `is_assembled`: the object itself, and no parts any more."""

    plan: PartPlan
    parts: tuple[StoredPart, ...]
    is_assembled: bool


def sign_parts(
    *,
    tenant: Tenant,
    video_id: int,
    part_numbers: Sequence[int],
    checksums: Sequence[str] | None,
    storage: ObjectStorage,
    clock: Clock,
) -> PartTickets:
    """
    Sign a page of part URLs. Each binds its part's exact length, and its checksum where storage does checksums.

    Raises:
        VideoNotFound: No such video for this tenant.
        UploadNotMultipart: It is sent with one PUT.
        UploadUrlExpired: The upload's deadline has passed.
        InvalidStatus: The upload is over.
        PartNumbersInvalid: The plan has no such part.
        PartChecksumsInvalid: A checksum is missing, or none of the upload's algorithm.
    """
    now = clock.now()
    upload, plan = _open_upload(tenant=tenant, video_id=video_id, now=now)
    if not all(1 <= number <= plan.part_count for number in part_numbers):
        raise PartNumbersInvalid(part_count=plan.part_count)
    given = _part_checksums(upload, part_numbers, checksums or ())
    note_activity(upload, now=now)
    parts = tuple(
        _sign_part(upload, number, plan=plan, checksum=given.get(number), storage=storage) for number in part_numbers
    )
    return PartTickets(parts=parts, expires_at=now + timedelta(seconds=settings.VIDEO_UPLOAD_URL_TTL_SECONDS))


def stored_parts(*, tenant: Tenant, video_id: int, storage: ObjectStorage, clock: Clock) -> StoredParts:
    """
    Return what storage has: the truth from which an upload resumes.

    Raises:
        VideoNotFound: No such video for this tenant.
        UploadNotMultipart: It is sent with one PUT.
        UploadUrlExpired: The upload's deadline has passed, or storage has thrown its parts away.
        InvalidStatus: The upload is over.
        StorageUnavailable: Storage did not answer.
    """
    assert_no_transaction()
    now = clock.now()
    upload, plan = _open_upload(tenant=tenant, video_id=video_id, now=now)
    note_activity(upload, now=now)
    with translated_storage_errors():
        try:
            parts = storage.list_parts(upload.file_key, upload_id=upload.multipart_upload_id)
        except MultipartUploadMissing as error:
            _require_object(upload, storage=storage, error=error)
            return StoredParts(plan=plan, parts=(), is_assembled=True)
    return StoredParts(plan=plan, parts=tuple(parts), is_assembled=False)


def abort_upload(*, tenant: Tenant, video_id: int, actor: str, storage: ObjectStorage, clock: Clock) -> None:
    """
    End an upload in parts for good and throw its parts away. Repeating it is harmless.

    Raises:
        VideoNotFound: No such video for this tenant.
        UploadNotMultipart: It is sent with one PUT.
        InvalidStatus: Its bytes have been accepted or refused.
        StorageUnavailable: The upload is over, but its parts are still there; the reconciler goes on.
    """
    upload = get_upload(tenant=tenant, video_id=video_id)
    if upload.plan is None:
        raise UploadNotMultipart
    if upload.state == UploadState.PENDING:
        try:
            with transaction.atomic():
                move_upload(upload=upload, event=EventName.UPLOAD_EXPIRED, actor=actor, now=clock.now())
        except TransitionRefused:
            upload = get_upload(tenant=tenant, video_id=video_id)
    if upload.state not in {UploadState.PENDING, UploadState.EXPIRED}:
        raise _over(upload.video)
    discard_parts(upload, storage=storage)


def assemble(upload: VideoUpload, *, storage: ObjectStorage, checksum: Checksum | None) -> None:
    """
    Make one object of an upload's parts, unless that has happened.

    Args:
        checksum: Of the whole file, if its uploader said so: then other bytes are refused, and the parts stay.

    Raises:
        UploadIncomplete: Not all parts are there in their planned length; says which are missing.
        UploadChecksumMismatch: The parts are not those of the announced file.
        StorageUnavailable: Storage did not answer.
    """
    plan = upload.plan
    if plan is None or not upload.multipart_upload_id:
        return
    with translated_storage_errors():
        try:
            parts = storage.list_parts(upload.file_key, upload_id=upload.multipart_upload_id)
            require_all_parts(plan, parts)
            storage.complete_multipart(
                upload.file_key,
                upload_id=upload.multipart_upload_id,
                parts=[part for part in parts if part.part_number <= plan.part_count],
                checksum=checksum,
            )
        except MultipartUploadMissing:
            # Done by a call that died before its commit, or by another one just now: the object will tell.
            return


def require_all_parts(plan: PartPlan, parts: Sequence[StoredPart]) -> None:
    """
    Let a list of parts pass only when it is the whole file.

    Raises:
        UploadIncomplete: It is not.
    """
    missing = plan.missing({part.part_number: part.size_bytes for part in parts})
    if missing:
        raise UploadIncomplete(
            stored_bytes=sum(part.size_bytes for part in parts),
            declared_bytes=plan.size_bytes,
            missing_parts=missing[:MISSING_PARTS_SHOWN],
            missing_part_count=len(missing),
        )


def discard_parts(upload: VideoUpload, *, storage: ObjectStorage) -> None:
    """
    Throw away the parts of an upload that is over, and note that nothing is left to throw away.

    Raises:
        StorageUnavailable: Storage did not answer; repeating is harmless.
    """
    assert_no_transaction()
    if not upload.multipart_upload_id:
        return
    with translated_storage_errors():
        storage.abort_multipart(upload.file_key, upload_id=upload.multipart_upload_id)
    over = VideoUpload.objects.for_tenant(upload.tenant_id).filter(pk=upload.pk).exclude(state=UploadState.PENDING)
    over.update(multipart_upload_id="")


def note_activity(upload: VideoUpload, *, now: datetime) -> None:
    """Remember that the uploader is at work: they will complete it themselves, and if not, V06 looks soon."""
    VideoUpload.objects.for_tenant(upload.tenant_id).filter(pk=upload.pk, state=UploadState.PENDING).update(
        active_at=now, next_check_at=now + NEXT_CHECK_AFTER
    )


def _open_upload(*, tenant: Tenant, video_id: int, now: datetime) -> tuple[VideoUpload, PartPlan]:
    upload = get_upload(tenant=tenant, video_id=video_id)
    if upload.plan is None:
        raise UploadNotMultipart
    require_open(upload, now=now)
    if upload.state != UploadState.PENDING:
        raise _over(upload.video)
    return upload, upload.plan


def _part_checksums(
    upload: VideoUpload, part_numbers: Sequence[int], values: Sequence[str]
) -> dict[int, Checksum | None]:
    if not upload.checksum_algorithm:
        return dict.fromkeys(part_numbers)
    # A part that was damaged on its way is noticed by this alone, so nobody may leave it out.
    algorithm = ChecksumAlgorithm(upload.checksum_algorithm)
    if len(values) != len(part_numbers) or not all(map(algorithm.accepts, values)):
        raise PartChecksumsInvalid(checksum_algorithm=upload.checksum_algorithm)
    return {number: upload.as_checksum(value) for number, value in zip(part_numbers, values, strict=True)}


def _sign_part(
    upload: VideoUpload, number: int, *, plan: PartPlan, checksum: Checksum | None, storage: ObjectStorage
) -> PartTicket:
    size_bytes = plan.size_of(number)
    with translated_storage_errors():
        url = storage.presign_part(
            upload.file_key,
            upload_id=upload.multipart_upload_id,
            part_number=number,
            size_bytes=size_bytes,
            checksum=checksum,
            expires_seconds=settings.VIDEO_UPLOAD_URL_TTL_SECONDS,
        )
    return PartTicket(part_number=number, url=url, headers=checksum_headers(checksum), size_bytes=size_bytes)


def _require_object(upload: VideoUpload, *, storage: ObjectStorage, error: MultipartUploadMissing) -> None:
    try:
        with translated_storage_errors():
            storage.head(upload.file_key)
    except SourceNotFoundOrEmpty:
        raise UploadUrlExpired from error


def _over(video: Video) -> InvalidStatus:
    job_id = str(video.current_job_id) if video.current_job_id else None
    return InvalidStatus(status=video.status, video_id=video.pk, job_id=job_id)
