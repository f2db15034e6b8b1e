"""How a tenant's videos are encoded."""

from apps.core.models import Tenant, TenantEncoding

from ..domain.contracts import EncodingChoices


def encoding_of(tenant: Tenant) -> EncodingChoices:
    """Return the tenant's own choices, and everyone's where it has none."""
    own = TenantEncoding.objects.for_tenant(tenant).first() or TenantEncoding(tenant=tenant)
    everyones = EncodingChoices()
    return EncodingChoices(
        highest_short_side=own.highest_short_side or everyones.highest_short_side,
        quality=own.quality or everyones.quality,
        preset=own.preset or everyones.preset,
        evens_loudness=everyones.evens_loudness if own.evens_loudness is None else own.evens_loudness,
    )
