"""What a tenant may use, and what it uses."""

from django.conf import settings

from apps.core.models import Tenant, TenantLimits

from ..domain.quota import FREE, Charge, Limits
from ..models import TenantUsage, VideoCharge


def limits_of(tenant: Tenant) -> Limits:
    """Return the tenant's own limits, and the installation's where it has none."""
    own = TenantLimits.objects.for_tenant(tenant).first() or TenantLimits(tenant=tenant)
    most_bytes: int = settings.VIDEO_MAX_UPLOAD_BYTES
    longest_seconds: float = settings.VIDEO_MAX_DURATION_SECONDS
    return Limits(
        # The installation's ceilings hold for everyone: storage and the encoder cannot take more.
        file_bytes=most_bytes if own.file_bytes is None else min(most_bytes, own.file_bytes),
        duration_seconds=(
            longest_seconds if own.duration_seconds is None else min(longest_seconds, own.duration_seconds)
        ),
        stored_bytes=_own_or(own.stored_bytes, settings.VIDEO_TENANT_STORED_BYTES),
        stored_seconds=_own_or(own.stored_seconds, settings.VIDEO_TENANT_STORED_SECONDS),
        open_uploads=_own_or(own.open_uploads, settings.VIDEO_TENANT_OPEN_UPLOADS),
    )


def usage_of(tenant: Tenant) -> Charge:
    """Return what the tenant uses now."""
    usage = TenantUsage.objects.for_tenant(tenant).first()
    return FREE if usage is None else as_charge(usage)


def as_charge(row: TenantUsage | VideoCharge) -> Charge:
    """Return the amounts of a row."""
    return Charge(
        reserved_bytes=row.reserved_bytes,
        stored_bytes=row.stored_bytes,
        stored_milliseconds=row.stored_milliseconds,
        open_uploads=row.open_uploads,
    )


def _own_or(own: int | None, everyones: int | None) -> int | None:
    return everyones if own is None else own
