"""Promises to the installer: seeding twice is seeding once, and secrets come by the environment only."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core.api_keys import ApiKeyInvalid, authenticate_api_key, revoke_api_key
from apps.core.models import ApiKey, Membership, Tenant, User

pytestmark = pytest.mark.django_db

KEY = "avk_seed1234_" + "k" * 43
OTHER_KEY = "avk_seed1234_" + "o" * 43


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACADEMY_SEED_PASSWORD", "correct horse")
    monkeypatch.setenv("ACADEMY_SEED_API_KEY", KEY)


def seed(code: str = "demo") -> dict[str, object]:
    output = StringIO()
    call_command("seed_tenant", code=code, name="데모 학원", username="demo", stdout=output)
    (line,) = output.getvalue().splitlines()
    report: dict[str, object] = json.loads(line)
    return report


def test_the_first_run_makes_all_of_it() -> None:
    report = seed()

    tenant = Tenant.objects.get(code="demo")
    user = User.objects.get(username="demo")
    assert report == {
        "tenant_id": tenant.pk,
        "tenant_code": "demo",
        "username": "demo",
        "api_key_prefix": "seed1234",
        "api_key_usable": True,
        "created": ["tenant", "user", "membership", "api_key"],
    }
    assert user.check_password("correct horse")
    assert not user.is_superuser
    assert Membership.objects.for_tenant(tenant).get(user=user).role == "owner"
    assert authenticate_api_key(plaintext=KEY, now=timezone.now()).tenant == tenant


def test_the_second_run_changes_nothing() -> None:
    seed()
    password = User.objects.get(username="demo").password

    assert seed()["created"] == []
    assert User.objects.get(username="demo").password == password
    assert (Tenant.objects.count(), ApiKey.objects.across_tenants().count()) == (1, 1)


def test_a_changed_password_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seed()
    monkeypatch.setenv("ACADEMY_SEED_PASSWORD", "another one")
    seed()
    assert User.objects.get(username="demo").check_password("another one")


def test_a_revoked_key_stays_revoked() -> None:
    seed()
    revoke_api_key(tenant=Tenant.objects.get(code="demo"), prefix="seed1234", now=timezone.now())

    assert seed()["api_key_usable"] is False
    with pytest.raises(ApiKeyInvalid):
        authenticate_api_key(plaintext=KEY, now=timezone.now())


def test_missing_secrets_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACADEMY_SEED_PASSWORD")
    monkeypatch.delenv("ACADEMY_SEED_API_KEY")

    with pytest.raises(CommandError, match="ACADEMY_SEED_PASSWORD and ACADEMY_SEED_API_KEY") as caught:
        seed()
    assert caught.value.returncode == 78
    assert not Tenant.objects.exists()


@pytest.mark.parametrize("bad", ["avk_short", OTHER_KEY])
def test_a_key_that_cannot_be_used_leaves_nothing_half_made(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seed()
    monkeypatch.setenv("ACADEMY_SEED_API_KEY", bad)

    with pytest.raises(CommandError) as caught:
        seed("second")
    assert caught.value.returncode == 78
    assert bad not in str(caught.value)
    assert not Tenant.objects.filter(code="second").exists()
