"""Promises to the operator whose academies want their videos encoded in different ways."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.core.models import Tenant, TenantEncoding

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


def run(*arguments: str) -> dict[str, object]:
    out = StringIO()
    call_command("tenant_encoding", "--code", "demo", *arguments, stdout=out)
    printed: dict[str, object] = json.loads(out.getvalue())
    return printed


def test_a_fresh_tenant_is_as_everyone() -> None:
    nothing = {"highest_short_side": None, "quality": None, "preset": None, "evens_loudness": None}
    assert run() == {"tenant": "demo", **nothing}


def test_what_is_named_changes_and_the_rest_stays() -> None:
    run("--highest", "720", "--quality", "28", "--loudness", "even")
    found = run("--quality", "default", "--preset", "faster", "--loudness", "kept")
    assert found == {
        "tenant": "demo",
        "highest_short_side": 720,
        "quality": None,
        "preset": "faster",
        "evens_loudness": False,
    }


@pytest.mark.parametrize(
    "wish",
    [("--highest", "700"), ("--quality", "0"), ("--quality", "51"), ("--preset", "placebo"), ("--loudness", "1")],
)
def test_what_nobody_should_want_changes_nothing(tenant: Tenant, wish: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        run(*wish)
    assert not TenantEncoding.objects.for_tenant(tenant).exists()


def test_an_unknown_tenant_is_named() -> None:
    with pytest.raises(CommandError, match="'nobody'"):
        call_command("tenant_encoding", "--code", "nobody")
