"""Promises to an owner: who is in, which machines act, what was changed; and to everybody else: they may not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.core.api_keys import issue_api_key
from apps.core.models import ApiKey, AuditEntry, Membership, Tenant, User

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/tenant/"
PASSWORD = "a long enough secret 7"
NEWCOMER = {"username": "kim", "display_name": "김선생", "password": PASSWORD, "role": "staff"}


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@pytest.fixture
def other() -> Tenant:
    return Tenant.objects.create(code="other", name="다른 학원")


def member(tenant: Tenant, *, role: str, name: str = "") -> Membership:
    user = User.objects.create_user(name or f"{role}-{tenant.code}", password=PASSWORD)
    return Membership.objects.create(tenant=tenant, user=user, role=role)


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


@pytest.fixture
def owner(tenant: Tenant) -> Client:
    return signed_in(member(tenant, role="owner"))


def call(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return client.generic(method, ADDRESS + path, _json(body), content_type="application/json", headers=headers)


def _json(body: Any) -> bytes:
    import json

    return b"" if body is None else json.dumps(body).encode()


def audited(tenant: Tenant) -> list[str]:
    return list(AuditEntry.objects.for_tenant(tenant).order_by("pk").values_list("name", flat=True))


def rows() -> list[Any]:
    return [
        sorted(Membership.objects.across_tenants().values_list("pk", "role")),
        sorted(ApiKey.objects.across_tenants().values_list("pk", "revoked_at")),
        AuditEntry.objects.across_tenants().count(),
        User.objects.count(),
    ]


class TestWhoMay:
    CALLS: Any = (
        ("GET", "members/", None),
        ("POST", "members/", NEWCOMER),
        ("GET", "api-keys/", None),
        ("POST", "api-keys/", {"name": "x", "scopes": ["videos:read"]}),
        ("GET", "audit/", None),
    )

    @pytest.mark.parametrize(("method", "path", "body"), CALLS)
    @pytest.mark.parametrize("role", ["staff", "viewer"])
    def test_nobody_but_an_owner_sees_or_changes_it(
        self, tenant: Tenant, role: str, method: str, path: str, body: Any
    ) -> None:
        client = signed_in(member(tenant, role=role))
        before = rows()
        answer = call(client, method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        assert rows() == before

    @pytest.mark.parametrize(("method", "path", "body"), CALLS)
    def test_no_key_does_whatever_its_scopes(self, tenant: Tenant, method: str, path: str, body: Any) -> None:
        """A stolen key must not be able to make others, or to let somebody in."""
        plaintext = issue_api_key(tenant=tenant, name="all").plaintext
        before = rows()
        answer = call(Client(), method, path, body, Authorization=f"Bearer {plaintext}")
        assert answer.status_code == 403
        assert rows() == before

    @pytest.mark.parametrize(("method", "path", "body"), CALLS)
    def test_without_a_session_there_is_nothing(self, tenant: Tenant, method: str, path: str, body: Any) -> None:
        assert call(Client(), method, path, body).status_code == 401


class TestMembers:
    def test_a_new_member_signs_in_with_the_password_and_role_that_the_owner_gave(
        self, tenant: Tenant, owner: Client
    ) -> None:
        answer = call(owner, "POST", "members/", NEWCOMER)
        assert answer.status_code == 201
        assert {name: answer.json()[name] for name in ("username", "display_name", "role")} == {
            "username": "kim",
            "display_name": "김선생",
            "role": "staff",
        }
        assert PASSWORD not in answer.content.decode()
        assert Client().login(username="kim", password=PASSWORD)
        assert audited(tenant) == ["member_added"]

    def test_a_name_that_somebody_has_is_refused_also_in_other_letters(self, tenant: Tenant, owner: Client) -> None:
        call(owner, "POST", "members/", NEWCOMER)
        before = rows()
        answer = call(owner, "POST", "members/", {**NEWCOMER, "username": "KIM"})
        assert (answer.status_code, answer.json()["code"]) == (409, "username_taken")
        assert rows() == before

    @pytest.mark.parametrize(
        "change", [{"username": ""}, {"username": "two words"}, {"password": "1234"}, {"role": "king"}]
    )
    def test_what_makes_no_member_is_refused(self, owner: Client, change: dict[str, str]) -> None:
        before = rows()
        assert call(owner, "POST", "members/", {**NEWCOMER, **change}).status_code == 400
        assert rows() == before

    def test_a_role_is_changed_and_holds_at_once(self, tenant: Tenant, owner: Client) -> None:
        teacher = member(tenant, role="staff")
        answer = call(owner, "PATCH", f"members/{teacher.pk}/", {"role": "owner"})
        assert (answer.status_code, answer.json()["role"]) == (200, "owner")
        assert call(signed_in(teacher), "GET", "members/").status_code == 200
        call(owner, "PATCH", f"members/{teacher.pk}/", {"role": "owner"})
        assert audited(tenant) == ["role_changed"]

    def test_a_removed_member_is_out_at_once(self, tenant: Tenant, owner: Client) -> None:
        teacher = member(tenant, role="staff")
        client = signed_in(teacher)
        assert client.get("/api/v1/media/videos/").status_code == 200
        assert call(owner, "DELETE", f"members/{teacher.pk}/").status_code == 204
        assert client.get("/api/v1/media/videos/").status_code == 403
        assert audited(tenant) == ["member_removed"]

    @pytest.mark.parametrize(("method", "body"), [("PATCH", {"role": "staff"}), ("DELETE", None)])
    def test_the_last_owner_stays(self, tenant: Tenant, owner: Client, method: str, body: Any) -> None:
        me = Membership.objects.for_tenant(tenant).get()
        before = rows()
        answer = call(owner, method, f"members/{me.pk}/", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")
        assert rows() == before

    @pytest.mark.parametrize(("method", "body"), [("PATCH", {"role": "viewer"}), ("DELETE", None)])
    def test_a_member_of_another_tenant_does_not_exist(
        self, owner: Client, other: Tenant, method: str, body: Any
    ) -> None:
        foreign = member(other, role="staff")
        before = rows()
        answer = call(owner, method, f"members/{foreign.pk}/", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert rows() == before
        assert [row["username"] for row in call(owner, "GET", "members/").json()] == ["owner-demo"]


class TestKeys:
    def test_a_key_is_shown_once_and_opens_what_its_scopes_say(self, tenant: Tenant, owner: Client) -> None:
        answer = call(owner, "POST", "api-keys/", {"name": "백업", "scopes": ["videos:read"]}).json()
        bearer = {"Authorization": f"Bearer {answer['key']}"}
        assert Client().get("/api/v1/media/videos/", headers=bearer).status_code == 200
        assert Client().delete("/api/v1/media/videos/1/", headers=bearer).status_code == 403
        listed = call(owner, "GET", "api-keys/")
        assert [row["prefix"] for row in listed.json()] == [answer["prefix"]]
        assert answer["key"] not in listed.content.decode()
        assert answer["key"] not in call(owner, "GET", "audit/").content.decode()
        assert audited(tenant) == ["api_key_issued"]

    def test_a_revoked_key_opens_nothing_and_is_revoked_once(self, tenant: Tenant, owner: Client) -> None:
        answer = call(owner, "POST", "api-keys/", {"name": "백업", "scopes": ["videos:read"]}).json()
        for _ in range(2):
            assert call(owner, "DELETE", f"api-keys/{answer['prefix']}/").status_code == 204
        bearer = {"Authorization": f"Bearer {answer['key']}"}
        assert Client().get("/api/v1/media/videos/", headers=bearer).status_code == 401
        assert audited(tenant) == ["api_key_issued", "api_key_revoked"]

    @pytest.mark.parametrize(
        "body",
        [{"name": "x", "scopes": []}, {"name": "x", "scopes": ["all"]}, {"name": "", "scopes": ["videos:read"]}],
    )
    def test_a_key_without_a_name_or_a_scope_is_none(self, owner: Client, body: Any) -> None:
        before = rows()
        assert call(owner, "POST", "api-keys/", body).status_code == 400
        assert rows() == before

    def test_a_key_of_another_tenant_does_not_exist(self, owner: Client, other: Tenant) -> None:
        foreign = issue_api_key(tenant=other, name="theirs").api_key
        before = rows()
        answer = call(owner, "DELETE", f"api-keys/{foreign.prefix}/")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert rows() == before
        assert call(owner, "GET", "api-keys/").json() == []


def test_the_record_says_who_did_what_and_shows_no_other_tenants(tenant: Tenant, owner: Client, other: Tenant) -> None:
    call(owner, "POST", "members/", NEWCOMER)
    call(signed_in(member(other, role="owner")), "POST", "members/", {**NEWCOMER, "username": "lee"})
    me = Membership.objects.for_tenant(tenant).get(role="owner")
    entries = call(owner, "GET", "audit/").json()
    assert [(entry["name"], entry["actor"], entry["facts"]) for entry in entries] == [
        ("member_added", f"user:{me.user_id}", {"username": "kim", "role": "staff"})
    ]
