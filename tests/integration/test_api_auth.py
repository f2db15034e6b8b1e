"""Promises about who gets in: by session and CSRF token, by API key, and into which tenant."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import include, path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api_keys import issue_api_key
from apps.core.models import Membership, RateAccount, Tenant, User
from apps.core.permissions import CanReadVideos, CanWriteVideos, current_actor, current_tenant

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

PASSWORD = "correct horse"


class ReadView(APIView):
    permission_classes = (CanReadVideos,)

    def get(self, request: Request) -> Response:
        return Response({"tenant": current_tenant(request).code, "actor": current_actor(request)})


class WriteView(APIView):
    permission_classes = (CanWriteVideos,)

    def get(self, request: Request) -> Response:
        return Response({"tenant": current_tenant(request).code})

    def post(self, request: Request) -> Response:
        return Response({"tenant": current_tenant(request).code}, status=201)


urlpatterns = [
    path("api/v1/auth/", include("apps.core.urls")),
    path("api/v1/read/", ReadView.as_view()),
    path("api/v1/write/", WriteView.as_view()),
]


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@pytest.fixture
def owner(tenant: Tenant) -> User:
    return member("owner", tenant, "owner")


@pytest.fixture
def browser() -> "Browser":
    return Browser()


def member(username: str, tenant: Tenant, role: str) -> User:
    user = User.objects.create_user(username, password=PASSWORD, display_name=f"{username} 선생님")
    Membership.objects.create(user=user, tenant=tenant, role=role)
    return user


class Browser:
    """A client that checks CSRF as a browser's requests are checked, and sends the token as our pages do."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def session(self, **headers: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get("/api/v1/auth/session/", headers=headers).json()
        return answer

    def post(self, url: str, body: Any = None, *, csrf: bool = True, **headers: str) -> Any:
        if csrf:
            headers["X-CSRFToken"] = self.client.cookies["csrftoken"].value
        return self.client.post(url, body or {}, content_type="application/json", headers=headers)

    def sign_in(self, username: str, password: str = PASSWORD) -> Any:
        self.session()
        return self.post("/api/v1/auth/login/", {"username": username, "password": password})


class TestSession:
    def test_a_stranger_is_told_so_and_gets_the_csrf_cookie(self, browser: Browser) -> None:
        assert browser.session() == {
            "authenticated": False,
            "user": None,
            "tenant": None,
            "role": None,
            "is_operator": False,
        }
        assert browser.client.cookies["csrftoken"].value
        assert browser.client.cookies["csrftoken"]["samesite"] == "Lax"

    def test_signing_in_says_who_and_where_one_is(self, browser: Browser, owner: User, tenant: Tenant) -> None:
        answer = browser.sign_in("owner")

        expected = {
            "authenticated": True,
            "user": {"id": owner.pk, "username": "owner", "display_name": "owner 선생님"},
            "tenant": {"id": tenant.pk, "code": "demo", "name": "데모 학원"},
            "role": "owner",
            "is_operator": False,
        }
        assert (answer.status_code, answer.json()) == (200, expected)
        assert browser.session() == expected

    def test_the_session_cookie_is_out_of_reach_of_scripts(self, browser: Browser, owner: User) -> None:
        browser.sign_in("owner")
        cookie = browser.client.cookies["academy_session"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")

    def test_wrong_password_and_unknown_user_get_the_same_answer(self, browser: Browser, owner: User) -> None:
        wrong = browser.sign_in("owner", "wrong")
        unknown = browser.sign_in("nobody", "wrong")

        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json()["code"] == "invalid_credentials"
        assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
        assert browser.session()["authenticated"] is False

    def test_an_unknown_user_costs_a_password_hash_too(
        self, browser: Browser, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The time of the answer must not tell which names exist, so both ways hash exactly once."""
        from django.contrib.auth.hashers import MD5PasswordHasher

        hashed: list[str] = []
        encode = MD5PasswordHasher.encode

        def counted(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
            hashed.append(password)
            return encode(hasher, password, salt)

        monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
        browser.sign_in("owner", "wrong")
        browser.sign_in("nobody", "wrong")

        assert hashed == ["wrong", "wrong"]

    def test_guessing_is_slowed_down_for_the_guesser_only(self, browser: Browser, owner: User) -> None:
        for _ in range(10):
            assert browser.sign_in("owner", "wrong").status_code == 401

        refused = browser.sign_in("OWNER", PASSWORD)
        assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
        assert 1 <= int(refused.headers["Retry-After"]) <= 30
        elsewhere = Browser()
        elsewhere.client.defaults["REMOTE_ADDR"] = "192.0.2.7"
        assert elsewhere.sign_in("owner").status_code == 200

    def test_names_that_do_not_exist_are_slowed_down_alike(self, browser: Browser, owner: User) -> None:
        for _ in range(10):
            browser.sign_in("owner", "wrong")
            browser.sign_in("nobody", "wrong")
        refused, nobodys = browser.sign_in("owner"), browser.sign_in("nobody")
        assert refused.status_code == nobodys.status_code == 429
        assert {**refused.json(), "request_id": ""} == {**nobodys.json(), "request_id": ""}

    def test_one_address_does_not_try_many_names_nor_many_addresses_one_name(
        self, browser: Browser, owner: User
    ) -> None:
        def attempt(name: str, *, address: str) -> int:
            browser.client.defaults["REMOTE_ADDR"] = address
            return int(browser.sign_in(name, "wrong").status_code)

        attempt("owner", address="192.0.2.1")
        RateAccount.objects.filter(key__startswith="login").update(paid_at=F("paid_at") + timedelta(minutes=5))
        assert attempt("owner", address="192.0.2.2") == 429
        assert attempt("another", address="192.0.2.1") == 429
        assert attempt("another", address="192.0.2.2") == 401

    def test_a_success_forgets_the_failures_before_it(self, browser: Browser, owner: User) -> None:
        for _ in range(2):
            for _ in range(9):
                browser.sign_in("owner", "wrong")
            assert browser.sign_in("owner").status_code == 200

    def test_a_success_is_not_counted(self, browser: Browser, owner: User) -> None:
        browser.sign_in("owner", "wrong")
        counted = dict(RateAccount.objects.filter(key__startswith="login").values_list("key", "paid_at"))
        for _ in range(3):
            assert browser.sign_in("owner").status_code == 200
        now_counted = dict(RateAccount.objects.filter(key__startswith="login").values_list("key", "paid_at"))
        assert len(counted) == 3
        assert now_counted == {key: paid_at for key, paid_at in counted.items() if key in now_counted}
        assert len(now_counted) == 2

    def test_a_closed_account_does_not_get_in(self, browser: Browser, owner: User) -> None:
        User.objects.filter(pk=owner.pk).update(is_active=False)
        assert browser.sign_in("owner").status_code == 401

    def test_a_closed_account_loses_its_session(self, browser: Browser, owner: User) -> None:
        browser.sign_in("owner")
        User.objects.filter(pk=owner.pk).update(is_active=False)
        assert browser.session()["authenticated"] is False
        assert browser.client.get("/api/v1/read/").status_code == 401

    def test_signing_in_without_the_token_is_refused(self, browser: Browser, owner: User) -> None:
        browser.session()
        answer = browser.post("/api/v1/auth/login/", {"username": "owner", "password": PASSWORD}, csrf=False)

        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
        assert browser.session()["authenticated"] is False

    def test_another_sites_page_is_refused(self, browser: Browser, owner: User) -> None:
        browser.session()
        body = {"username": "owner", "password": PASSWORD}
        answer = browser.post("/api/v1/auth/login/", body, Origin="https://evil.example")
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")

    def test_signing_in_changes_the_session_key_and_the_token(self, browser: Browser, owner: User) -> None:
        """To the user: a session that somebody planted before is worth nothing afterwards."""
        planted = browser.client.session
        planted["planted"] = True
        planted.save()
        browser.client.cookies["academy_session"] = planted.session_key or ""
        browser.session()
        token = browser.client.cookies["csrftoken"].value

        browser.sign_in("owner")

        assert browser.client.cookies["academy_session"].value != planted.session_key
        assert browser.client.cookies["csrftoken"].value != token

    def test_signing_out_ends_the_session_on_the_server(self, browser: Browser, owner: User) -> None:
        browser.sign_in("owner")
        stolen = browser.client.cookies["academy_session"].value

        assert browser.post("/api/v1/auth/logout/").status_code == 204
        assert browser.session()["authenticated"] is False
        browser.client.cookies["academy_session"] = stolen
        assert browser.session()["authenticated"] is False

    def test_signing_out_needs_the_token(self, browser: Browser, owner: User) -> None:
        browser.sign_in("owner")
        assert browser.post("/api/v1/auth/logout/", csrf=False).json()["code"] == "csrf_failed"
        assert browser.session()["authenticated"] is True

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({}, {"username", "password"}),
            ({"username": "", "password": ""}, {"username", "password"}),
            ({"username": ["a"], "password": {"b": 1}}, {"username", "password"}),
            ({"username": "a\u0000b", "password": "x"}, {"username"}),
            ({"username": "\ud800", "password": "x"}, {"username"}),
            ({"username": "x" * 151, "password": "x" * 4097}, {"username", "password"}),
        ],
    )
    def test_a_bad_form_names_its_fields(self, browser: Browser, body: Any, fields: set[str]) -> None:
        browser.session()
        answer = browser.post("/api/v1/auth/login/", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert set(answer.json()["fields"]) == fields

    def test_spaces_belong_to_the_password(self, browser: Browser, tenant: Tenant) -> None:
        User.objects.create_user("spacy", password="  spaces  ")
        assert browser.sign_in("spacy", "spaces").status_code == 401
        assert browser.sign_in("spacy", "  spaces  ").status_code == 200

    def test_a_user_of_no_tenant_is_signed_in_but_may_do_nothing(self, browser: Browser) -> None:
        User.objects.create_user("lonely", password=PASSWORD)
        answer = browser.sign_in("lonely").json()
        assert (answer["authenticated"], answer["tenant"], answer["role"]) == (True, None, None)

        refused = browser.client.get("/api/v1/read/")
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


class TestTenantChoice:
    def test_the_header_chooses_among_ones_own_tenants(self, browser: Browser, owner: User) -> None:
        second = Tenant.objects.create(code="second", name="둘째")
        Membership.objects.create(user=owner, tenant=second, role="viewer")
        browser.sign_in("owner")

        assert browser.client.get("/api/v1/read/").json() == {"tenant": "demo", "actor": f"user:{owner.pk}"}
        assert browser.client.get("/api/v1/read/", headers={"X-Tenant": "second"}).json()["tenant"] == "second"
        assert browser.session(**{"X-Tenant": "second"})["role"] == "viewer"

    @pytest.mark.parametrize("code", ["foreign", "missing", ""])
    def test_a_foreign_tenant_is_refused_like_one_that_does_not_exist(
        self, browser: Browser, owner: User, code: str
    ) -> None:
        Tenant.objects.create(code="foreign", name="남의 학원")
        browser.sign_in("owner")

        answer = browser.client.get("/api/v1/read/", headers={"X-Tenant": code})
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")

    def test_a_closed_tenant_is_none(self, browser: Browser, owner: User, tenant: Tenant) -> None:
        browser.sign_in("owner")
        Tenant.objects.filter(pk=tenant.pk).update(is_active=False)
        assert browser.client.get("/api/v1/read/").status_code == 403


class TestRoles:
    @pytest.mark.parametrize(("role", "status"), [("owner", 201), ("staff", 201), ("viewer", 403)])
    def test_viewers_read_and_the_others_write_too(
        self, browser: Browser, tenant: Tenant, role: str, status: int
    ) -> None:
        member("someone", tenant, role)
        browser.sign_in("someone")

        assert browser.client.get("/api/v1/read/").status_code == 200
        assert browser.client.get("/api/v1/write/").status_code == 200
        assert browser.post("/api/v1/write/").status_code == status

    def test_a_write_by_session_needs_the_token(self, browser: Browser, owner: User) -> None:
        browser.sign_in("owner")
        answer = browser.post("/api/v1/write/", csrf=False)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")

    def test_a_stranger_gets_401_whatever_they_try(self, browser: Browser) -> None:
        for answer in (browser.client.get("/api/v1/read/"), browser.post("/api/v1/write/", csrf=False)):
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="academy-video"'


class TestApiKeys:
    def test_a_key_acts_for_its_tenant_without_a_token(self, client: Client, tenant: Tenant) -> None:
        issued = issue_api_key(tenant=tenant, name="uploader")
        bearer = {"Authorization": f"Bearer {issued.plaintext}"}

        strict = Client(enforce_csrf_checks=True)
        assert strict.get("/api/v1/read/", headers=bearer).json() == {
            "tenant": "demo",
            "actor": f"key:avk_{issued.api_key.prefix}",
        }
        assert strict.post("/api/v1/write/", headers=bearer).status_code == 201

    @pytest.mark.parametrize(
        "header",
        [
            "Bearer avk_aaaaaaaa_" + "x" * 43,
            "Bearer",
            "Bearer ",
            "Basic dTpw",
            "Bearer a b",
            "avk_aaaaaaaa",
            "Bearer 키",
        ],
    )
    def test_a_wrong_key_is_401_even_beside_a_good_session(self, browser: Browser, owner: User, header: str) -> None:
        browser.sign_in("owner")
        answer = browser.client.get("/api/v1/read/", headers={"Authorization": header})

        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="academy-video"'

    def test_revoked_and_expired_keys_are_401(self, client: Client, tenant: Tenant) -> None:
        now = timezone.now()
        expired = issue_api_key(tenant=tenant, name="old", expires_at=now - timedelta(seconds=1))
        revoked = issue_api_key(tenant=tenant, name="lost")
        revoked.api_key.revoked_at = now
        revoked.api_key.save()

        for issued in (expired, revoked):
            answer = client.get("/api/v1/read/", headers={"Authorization": f"Bearer {issued.plaintext}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key")

    def test_a_key_does_only_what_its_scopes_say(self, client: Client, tenant: Tenant) -> None:
        def statuses(*scopes: str) -> tuple[int, int]:
            issued = issue_api_key(tenant=tenant, name="x", scopes=scopes)
            bearer = {"Authorization": f"bearer {issued.plaintext}"}
            read = client.get("/api/v1/read/", headers=bearer)
            return read.status_code, client.post("/api/v1/write/", headers=bearer).status_code

        assert statuses("videos:read") == (200, 403)
        assert statuses("videos:write") == (403, 201)
        assert statuses() == (403, 403)

    def test_a_key_cannot_name_another_tenant(self, client: Client, tenant: Tenant) -> None:
        Tenant.objects.create(code="foreign", name="남의 학원")
        issued = issue_api_key(tenant=tenant, name="uploader")
        bearer = {"Authorization": f"Bearer {issued.plaintext}"}

        assert client.get("/api/v1/read/", headers=bearer | {"X-Tenant": "demo"}).status_code == 200
        refused = client.get("/api/v1/read/", headers=bearer | {"X-Tenant": "foreign"})
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
