"""
Keeping a tenant's usage: reserved at init, settled when READY, released on failure, expiry and deletion.

Each video's charge follows from its state and is written in the transaction that changes the state. The tenant's
row is locked last and held until the commit: parallel inits take their room one after the other.
"""

from dataclasses import asdict

from django.db.models import F

from apps.core.models import Tenant
from libs.db.guards import assert_in_transaction

from ..domain.lifecycle import UploadState, VideoStatus
from ..domain.quota import FREE, Charge, Limits, charge_of, require_room
from ..models import TenantUsage, Video, VideoCharge, VideoUpload
from ..selectors.quota import as_charge


def claim_room(*, tenant: Tenant, limits: Limits, size_bytes: int) -> None:
    """
    Take the tenant's lock and let one more upload pass only when it fits. Its charge follows by `settle_charge`.

    Raises:
        QuotaExceeded: It does not fit.
    """
    require_room(used=as_charge(lock_usage(tenant.pk)), limits=limits, size_bytes=size_bytes)


def settle_charge(*, video: Video, upload: VideoUpload) -> None:
    """Bring a video's charge, and with it its tenant's usage, in line with its state, in the caller's transaction."""
    assert_in_transaction()
    due = charge_due(video=video, upload=upload)
    if known_charge(video) == due:
        return
    lock_usage(video.tenant_id)
    # Read again under the lock: V11 may have put it right meanwhile.
    change = due.minus(known_charge(video))
    VideoCharge.objects.for_tenant(video.tenant_id).update_or_create(
        video=video, defaults={"tenant_id": video.tenant_id, **asdict(due)}
    )
    TenantUsage.objects.for_tenant(video.tenant_id).update(
        **{name: F(name) + amount for name, amount in asdict(change).items()}
    )


def charge_due(*, video: Video, upload: VideoUpload) -> Charge:
    """Return what a video uses by its state."""
    return charge_of(
        status=VideoStatus(video.status),
        upload=UploadState(upload.state),
        is_deleted=video.deleted_at is not None,
        size_bytes=upload.size_bytes,
        output_bytes=video.output_bytes,
        duration_seconds=video.duration_seconds,
    )


def known_charge(video: Video) -> Charge:
    """Return what a video was last charged with."""
    charge = VideoCharge.objects.for_tenant(video.tenant_id).filter(video=video).first()
    return FREE if charge is None else as_charge(charge)


def lock_usage(tenant_id: int) -> TenantUsage:
    """Return the tenant's usage, locked until the transaction ends."""
    assert_in_transaction()
    rows = TenantUsage.objects.for_tenant(tenant_id).select_for_update()
    usage = rows.first()
    if usage is None:
        TenantUsage.objects.bulk_create([TenantUsage(tenant_id=tenant_id)], ignore_conflicts=True)
        usage = rows.get()
    return usage
