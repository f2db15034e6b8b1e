"""Promises to the operator who gives one academy more than the others."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.core.models import Tenant, TenantLimits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


def run(*arguments: str) -> dict[str, object]:
    out = StringIO()
    call_command("tenant_limits", "--code", "demo", *arguments, stdout=out)
    printed: dict[str, object] = json.loads(out.getvalue())
    return printed


def test_a_fresh_tenant_is_as_everyone() -> None:
    assert run() == {
        "tenant": "demo",
        "file_bytes": None,
        "stored_bytes": None,
        "stored_seconds": None,
        "open_uploads": None,
        "duration_seconds": None,
    }


def test_what_is_named_changes_and_the_rest_stays() -> None:
    run("--stored-bytes", "500G", "--open-uploads", "20")
    found = run("--open-uploads", "default", "--duration-seconds", "7200")
    assert found["stored_bytes"] == 500 * 1024**3
    assert found["open_uploads"] is None
    assert found["duration_seconds"] == 7200


@pytest.mark.parametrize("amount", ["0", "-1", "many", "1.5", "1P", ""])
def test_what_is_no_amount_changes_nothing(tenant: Tenant, amount: str) -> None:
    with pytest.raises(CommandError):
        run("--stored-bytes", amount)
    assert not TenantLimits.objects.for_tenant(tenant).exists()


def test_an_unknown_tenant_is_named() -> None:
    with pytest.raises(CommandError, match="'nobody'"):
        call_command("tenant_limits", "--code", "nobody")
