"""Promises to the holder of a key: it is stored as a hash, shown once, and dead as soon as it is revoked."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.core.api_keys import (
    ApiKeyInvalid,
    authenticate_api_key,
    issue_api_key,
    revoke_api_key,
    store_api_key,
)
from apps.core.models import ApiKey, Tenant

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


def test_a_key_is_shown_once_and_stored_as_a_hash(tenant: Tenant) -> None:
    issued = issue_api_key(tenant=tenant, name="uploader")

    assert re.fullmatch(r"avk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", issued.plaintext)
    stored = ApiKey.objects.for_tenant(tenant).values().get()
    assert stored["key_hash"] == hashlib.sha256(issued.plaintext.encode()).hexdigest()
    secret = issued.plaintext.split("_", 2)[2]
    assert all(secret not in str(value) for value in stored.values())


def test_two_keys_are_never_alike(tenant: Tenant) -> None:
    first, second = issue_api_key(tenant=tenant, name="a"), issue_api_key(tenant=tenant, name="a")
    assert first.plaintext[-43:] != second.plaintext[-43:]


def test_the_right_key_opens_its_tenant(tenant: Tenant) -> None:
    issued = issue_api_key(tenant=tenant, name="uploader")
    assert authenticate_api_key(plaintext=issued.plaintext, now=NOW).tenant == tenant


def test_every_wrong_key_is_the_same_refusal(tenant: Tenant) -> None:
    issued = issue_api_key(tenant=tenant, name="uploader")
    flipped = issued.plaintext[:-1] + ("A" if issued.plaintext[-1] != "A" else "B")

    for wrong in (flipped, "avk_zzzzzzzz_" + "x" * 43, issued.plaintext + "\n", issued.plaintext[:-1], "", "키" * 56):
        with pytest.raises(ApiKeyInvalid):
            authenticate_api_key(plaintext=wrong, now=NOW)
    assert ApiKey.objects.for_tenant(tenant).get().last_used_at is None


def test_a_revoked_key_opens_nothing(tenant: Tenant) -> None:
    issued = issue_api_key(tenant=tenant, name="uploader")
    revoke_api_key(tenant=tenant, prefix=issued.api_key.prefix, now=NOW)
    revoke_api_key(tenant=tenant, prefix=issued.api_key.prefix, now=NOW + timedelta(days=1))

    with pytest.raises(ApiKeyInvalid):
        authenticate_api_key(plaintext=issued.plaintext, now=NOW)
    assert ApiKey.objects.for_tenant(tenant).get().revoked_at == NOW


def test_another_tenant_cannot_revoke_it(tenant: Tenant) -> None:
    issued = issue_api_key(tenant=tenant, name="uploader")
    other = Tenant.objects.create(code="other", name="다른 학원")

    with pytest.raises(ApiKeyInvalid):
        revoke_api_key(tenant=other, prefix=issued.api_key.prefix, now=NOW)
    assert authenticate_api_key(plaintext=issued.plaintext, now=NOW).pk == issued.api_key.pk


def test_a_key_ends_at_its_expiry(tenant: Tenant) -> None:
    issued = issue_api_key(tenant=tenant, name="uploader", expires_at=NOW)

    assert authenticate_api_key(plaintext=issued.plaintext, now=NOW - timedelta(seconds=1))
    with pytest.raises(ApiKeyInvalid):
        authenticate_api_key(plaintext=issued.plaintext, now=NOW)


def test_a_closed_tenants_keys_open_nothing(tenant: Tenant) -> None:
    issued = issue_api_key(tenant=tenant, name="uploader")
    Tenant.objects.filter(pk=tenant.pk).update(is_active=False)

    with pytest.raises(ApiKeyInvalid):
        authenticate_api_key(plaintext=issued.plaintext, now=NOW)


def test_a_use_is_noted_at_most_once_a_minute(tenant: Tenant) -> None:
    issued = issue_api_key(tenant=tenant, name="uploader")

    def used_at(now: datetime) -> datetime | None:
        authenticate_api_key(plaintext=issued.plaintext, now=now)
        return ApiKey.objects.for_tenant(tenant).get().last_used_at

    assert used_at(NOW) == NOW
    assert used_at(NOW + timedelta(seconds=59)) == NOW
    assert used_at(NOW + timedelta(seconds=60)) == NOW + timedelta(seconds=60)


def test_an_unknown_scope_is_refused_and_nothing_is_made(tenant: Tenant) -> None:
    with pytest.raises(ValueError, match="videos:burn"):
        issue_api_key(tenant=tenant, name="x", scopes=["videos:read", "videos:burn"])
    assert not ApiKey.objects.for_tenant(tenant).exists()


def test_a_key_without_a_keys_form_cannot_be_registered(tenant: Tenant) -> None:
    with pytest.raises(ApiKeyInvalid):
        store_api_key(tenant=tenant, name="x", plaintext="password123")
    assert not ApiKey.objects.for_tenant(tenant).exists()


def test_the_database_refuses_what_is_no_hash(tenant: Tenant) -> None:
    with pytest.raises(IntegrityError, match="core_api_key_is_hashed"), transaction.atomic():
        ApiKey.objects.create(tenant=tenant, name="x", prefix="aaaaaaaa", key_hash="plain")
