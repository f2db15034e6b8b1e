"""Makes sure that a tenant, its owner and its API key exist."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from apps.core.api_keys import matches, prefix_of, store_api_key
from apps.core.models import ApiKey, Membership, Role, Tenant, User


class SeedKeyTaken(Exception):
    """Another key, or another tenant's, already has this key's public prefix. Choose another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedReport:
    """What is there now, and which parts this run has made."""

    tenant_id: int
    tenant_code: str
    username: str
    api_key_prefix: str
    api_key_usable: bool
    created: tuple[str, ...]


@transaction.atomic
def seed_tenant(
    *, code: str, name: str, username: str, password: str, api_key: str, is_operator: bool = False
) -> SeedReport:
    """
    Make a tenant with an owner and a key, or bring the owner's password and role up to date.

    Args:
        is_operator: The owner also runs the installation, and may see every tenant's line.

    Running it again changes nothing, ends no session and revives no revoked key.

    Raises:
        ApiKeyInvalid: `api_key` does not have a key's form.
        SeedKeyTaken: Its prefix belongs to another key.
    """
    created: list[str] = []
    tenant, is_fresh = Tenant.objects.get_or_create(code=code, defaults={"name": name})
    created += ["tenant"] if is_fresh else []
    user, is_fresh = User.objects.get_or_create(username=username, defaults={"display_name": name})
    created += ["user"] if is_fresh else []
    # Setting an equal password again would end the user's sessions.
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    if is_operator and not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    _, is_fresh = Membership.objects.for_tenant(tenant).get_or_create(
        user=user, tenant=tenant, defaults={"role": Role.OWNER}
    )
    created += ["membership"] if is_fresh else []
    stored, is_fresh = _seed_key(tenant, api_key)
    created += ["api_key"] if is_fresh else []
    return SeedReport(
        tenant_id=tenant.pk,
        tenant_code=tenant.code,
        username=user.username,
        api_key_prefix=stored.prefix,
        api_key_usable=stored.revoked_at is None,
        created=tuple(created),
    )


def _seed_key(tenant: Tenant, plaintext: str) -> tuple[ApiKey, bool]:
    stored = ApiKey.objects.across_tenants().filter(prefix=prefix_of(plaintext)).first()
    if stored is None:
        return store_api_key(tenant=tenant, name="seed", plaintext=plaintext), True
    if stored.tenant_id != tenant.pk or not matches(stored, plaintext):
        raise SeedKeyTaken
    return stored, False
