"""Promises about how often somebody may call: to callers, and to those whom they would crowd out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F
from django.test import Client, RequestFactory
from rest_framework.exceptions import Throttled

from apps.core.models import RateAccount, Tenant
from apps.core.rate_limits import Allowance, client_address, forget_idle_accounts, take
from apps.support.video.models import Video
from libs.clock import SystemClock
from tests.support.api import Api, upload_fields

SESSION = "/api/v1/auth/session/"
FORGED = {"Authorization": "Bearer avk_aaaaaaaa_" + "x" * 43}
ELSEWHERE = "https://lms.example.com"


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@pytest.fixture
def few(settings: Any) -> None:
    settings.ACADEMY_CALLS_PER_MINUTE = 3
    settings.ACADEMY_CALLS_PER_MINUTE_AND_ADDRESS = 3


def assert_throttled(answer: Any, *, within_seconds: int) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= within_seconds


@pytest.mark.django_db
@pytest.mark.usefixtures("few")
class TestCallers:
    def test_a_key_has_its_allowance_and_is_told_when_to_come_back(self, tenant: Tenant) -> None:
        api = Api(tenant)
        assert [api.get().status_code for _ in range(3)] == [200, 200, 200]
        assert_throttled(api.get(), within_seconds=20)

    def test_another_key_of_the_tenant_is_not_held_up(self, tenant: Tenant) -> None:
        busy, quiet = Api(tenant), Api(tenant)
        for _ in range(4):
            answer = busy.get()
        assert (answer.status_code, quiet.get().status_code) == (429, 200)

    def test_a_refused_call_changes_nothing(self, tenant: Tenant, s3_engine: None) -> None:
        api = Api(tenant)
        for _ in range(4):
            answer = api.post("upload/init/", upload_fields())
        assert answer.status_code == 429
        assert Video.objects.for_tenant(tenant).count() == 3

    def test_one_call_is_let_through_for_each_that_time_pays_off(self, tenant: Tenant) -> None:
        api = Api(tenant)
        for _ in range(4):
            api.get()
        RateAccount.objects.update(paid_at=F("paid_at") - timedelta(seconds=20))
        assert [api.get().status_code for _ in range(2)] == [200, 429]

    def test_strangers_are_counted_by_address(self, client: Client) -> None:
        for _ in range(3):
            assert client.get(SESSION).status_code == 200
        assert_throttled(client.get(SESSION), within_seconds=20)
        assert client.get(SESSION, REMOTE_ADDR="192.0.2.9").status_code == 200

    def test_wrong_keys_are_counted_by_address_and_right_ones_are_not(self, client: Client, tenant: Tenant) -> None:
        address = "/api/v1/media/videos/"
        assert [client.get(address, headers=FORGED).status_code for _ in range(4)] == [401, 401, 401, 429]
        assert Api(tenant).get().status_code == 200

    def test_what_is_paid_off_is_forgotten(self, tenant: Tenant) -> None:
        Api(tenant).get()
        now = SystemClock().now()
        assert forget_idle_accounts(now=now) == 0
        assert forget_idle_accounts(now=now + timedelta(minutes=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_processes_at_once_let_exactly_the_allowance_through() -> None:
    """Each thread has a connection of its own, as each api process has."""
    allowance = Allowance(calls=20, seconds=3600)

    def call(_number: int) -> bool:
        try:
            take("key:crowd", allowance)
        except Throttled:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(call, range(60))) == 20


@pytest.mark.django_db
def test_counting_is_not_written_to_the_log_of_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'core_rateaccount'")
        assert cursor.fetchone() == ("u",)


class TestAddress:
    @pytest.mark.parametrize(
        ("proxies", "forwarded", "expected"),
        [
            (None, "198.51.100.7", "127.0.0.1"),
            (1, "198.51.100.7", "198.51.100.7"),
            (1, "203.0.113.66, 198.51.100.7", "198.51.100.7"),
            (2, "203.0.113.66, 198.51.100.7, 10.0.0.1", "198.51.100.7"),
            (2, "198.51.100.7", "127.0.0.1"),
            (1, "", "127.0.0.1"),
            (1, "198.51.100.7, ", "198.51.100.7"),
            (1, "'; DROP TABLE", "unknown"),
            (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            (1, "::ffff:198.51.100.7", "198.51.100.7"),
        ],
    )
    def test_only_what_our_own_proxies_have_seen_counts(
        self, settings: Any, proxies: int | None, forwarded: str, expected: str
    ) -> None:
        settings.ACADEMY_PROXY_COUNT = proxies
        request = RequestFactory().get(SESSION, headers={"X-Forwarded-For": forwarded})
        assert client_address(request) == expected


@pytest.mark.django_db
class TestOtherSites:
    def test_their_pages_may_call_only_if_configured_and_never_with_a_session(
        self, client: Client, settings: Any
    ) -> None:
        settings.CORS_ALLOWED_ORIGINS = [ELSEWHERE]
        asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
        allowed = client.options("/api/v1/media/videos/upload/init/", headers=asked)
        assert allowed.headers["Access-Control-Allow-Origin"] == ELSEWHERE
        assert "authorization" in allowed.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        stranger = client.options("/api/v1/media/videos/", headers=asked | {"Origin": "https://evil.example.com"})
        assert "Access-Control-Allow-Origin" not in stranger.headers

    def test_by_default_none_may(self, client: Client) -> None:
        answer = client.get(SESSION, headers={"Origin": ELSEWHERE})
        assert "Access-Control-Allow-Origin" not in answer.headers
