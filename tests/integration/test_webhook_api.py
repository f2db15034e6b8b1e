"""To an owner: webhooks are settled by them alone, the secret is shown once, and another tenant's do not exist."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.core.api_keys import issue_api_key
from apps.core.models import AuditEntry, Membership, Tenant, User
from apps.support.webhooks import wiring
from apps.support.webhooks.domain.messages import TEST_EVENT
from apps.support.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.support.webhooks.serializers import event_facts
from apps.support.webhooks.services.delivering import SendingPorts, deliver, reserve_due
from apps.support.webhooks.services.endpoints import OLD_SECRET_HOLDS
from libs.clock import SystemClock
from libs.outbound.addresses import read_networks
from tests.support.clocks import database_ahead
from tests.support.contract import check_answer
from tests.support.receiver import Receiver, always

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/tenant/webhooks/"
URL = "https://lms.example.com/hooks/video?token=abc"
ALL_CALLS: Any = (
    ("GET", "", None),
    ("POST", "", {"url": URL}),
    ("GET", "{id}/", None),
    ("PATCH", "{id}/", {"is_enabled": False}),
    ("DELETE", "{id}/", None),
    ("POST", "{id}/rotate/", None),
    ("POST", "{id}/test/", None),
    ("POST", "{id}/replay/", {"after": 0}),
    ("GET", "{id}/deliveries/", None),
)


class Caller:
    """A session, or a key."""

    def __init__(self, tenant: Tenant, *, role: str = "owner", bearer: str = "") -> None:
        self._client = Client()
        self._headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        if role:
            user = User.objects.create_user(f"{role}-{tenant.code}", password="a long enough secret 7")
            Membership.objects.create(tenant=tenant, user=user, role=role)
            self._client.force_login(user)

    def __call__(self, method: str, path: str = "", body: Any = None) -> Any:
        text = "" if body is None else json.dumps(body)
        answer = self._client.generic(
            method, ADDRESS + path, text, content_type="application/json", headers=self._headers
        )
        check_answer(method, ADDRESS + path, answer)
        return answer

    def add(self, **fields: Any) -> Any:
        answer = self("POST", "", {"url": URL, **fields})
        assert answer.status_code == 201, answer.content
        return answer.json()


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@pytest.fixture
def owner(tenant: Tenant) -> Caller:
    return Caller(tenant)


@pytest.fixture
def receiver(settings: Any, rewire: Callable[[], None]) -> Iterator[Receiver]:
    settings.ACADEMY_WEBHOOK_INTERNAL_NETWORKS = read_networks(["127.0.0.0/8"])
    settings.ACADEMY_WEBHOOK_PLAIN_HTTP = True
    rewire()
    with Receiver() as listening:
        yield listening


def rows() -> list[Any]:
    return [
        list(WebhookEndpoint.objects.across_tenants().order_by("pk").values()),
        list(WebhookDelivery.objects.across_tenants().order_by("pk").values()),
        AuditEntry.objects.across_tenants().count(),
    ]


def audited(tenant: Tenant) -> list[str]:
    return list(AuditEntry.objects.for_tenant(tenant).order_by("pk").values_list("name", flat=True))


@pytest.mark.parametrize(("method", "path", "body"), ALL_CALLS)
def test_nobody_but_an_owner_of_the_tenant_gets_anywhere(
    tenant: Tenant, owner: Caller, method: str, path: str, body: Any
) -> None:
    theirs = path.format(id=owner.add()["id"])
    key = issue_api_key(tenant=tenant, name="all").plaintext
    stranger = Caller(Tenant.objects.create(code="other", name="다른 학원"))
    before = rows()
    for refused in (Caller(tenant, role="staff"), Caller(tenant, role="viewer"), Caller(tenant, role="", bearer=key)):
        answer = refused(method, theirs, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    if path:
        answer = stranger(method, theirs, body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    elif method == "GET":
        assert stranger(method, theirs, body).json() == []
    assert rows() == before


def test_the_secret_is_in_the_answer_that_made_it_and_nowhere_else(tenant: Tenant, owner: Caller) -> None:
    added = owner.add(event_types=["job_succeeded", "job_failed", "job_failed"])
    assert added["secret"].startswith("whsec_")
    assert added["event_types"] == ["job_failed", "job_succeeded"]
    rotated = owner("POST", f"{added['id']}/rotate/").json()
    assert rotated["secret"] != added["secret"]
    assert rotated["previous_secret_until"] is not None
    read = [owner("GET"), owner("GET", f"{added['id']}/"), owner("GET", f"{added['id']}/deliveries/")]
    for answer in read:
        assert answer.status_code == 200
        assert "whsec_" not in answer.content.decode()
    assert audited(tenant) == ["webhook_added", "webhook_secret_rotated"]
    assert "token=abc" not in str(list(AuditEntry.objects.for_tenant(tenant).values("facts")))


@pytest.mark.parametrize(
    "body",
    [
        {"url": "http://lms.example.com/"},
        {"url": "https://127.0.0.1/"},
        {"url": "https://169.254.169.254/latest/meta-data/"},
        {"url": "https://[::ffff:10.0.0.1]/"},
        {"url": "https://user:secret@lms.example.com/"},
        {"url": "lms.example.com"},
    ],
)
def test_an_address_that_is_never_called_is_refused_when_it_is_given(owner: Caller, body: Any) -> None:
    endpoint_id = owner.add()["id"]
    before = rows()
    for answer in (owner("POST", "", body), owner("PATCH", f"{endpoint_id}/", body)):
        assert (answer.status_code, answer.json()["code"]) == (400, "webhook_url_refused")
    assert rows() == before


@pytest.mark.parametrize("body", [{}, {"url": ""}, {"url": URL, "event_types": ["job_done"]}, {"url": URL * 50}])
def test_what_makes_no_endpoint_is_refused(owner: Caller, body: Any) -> None:
    before = rows()
    assert owner("POST", "", body).json()["code"] == "invalid_request"
    assert rows() == before


def test_there_are_ten_at_most(owner: Caller) -> None:
    for _ in range(10):
        owner.add()
    before = rows()
    answer = owner("POST", "", {"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_limit_reached")
    assert rows() == before


def test_switching_off_and_on_says_so_and_leaves_its_trace_once(tenant: Tenant, owner: Caller) -> None:
    path = f"{owner.add()['id']}/"
    for _ in range(2):
        off = owner("PATCH", path, {"is_enabled": False}).json()
    assert (off["is_enabled"], off["disabled_reason"]) == (False, "owner")
    for _ in range(2):
        on = owner("PATCH", path, {"is_enabled": True, "event_types": []}).json()
    assert (on["is_enabled"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)
    assert audited(tenant).count("webhook_disabled") == audited(tenant).count("webhook_enabled") == 1
    assert owner("DELETE", path).status_code == 204
    assert owner("GET").json() == []


def test_every_time_is_the_databases(owner: Caller) -> None:
    """To relays on other machines, which compare it with theirs."""
    with database_ahead(1):
        path = f"{owner.add()['id']}/"
        owner("POST", path + "rotate/")
        test = owner("POST", path + "test/").json()
        off = owner("PATCH", path, {"is_enabled": False}).json()
    until = datetime.fromisoformat(off["previous_secret_until"]) - OLD_SECRET_HOLDS
    written = [until, *(datetime.fromisoformat(text) for text in (off["disabled_at"], test["next_attempt_at"]))]
    assert min(written) > SystemClock().now() + timedelta(minutes=30)
    assert WebhookEndpoint.objects.across_tenants().get().created_at > SystemClock().now() + timedelta(minutes=30)


def test_a_test_shows_the_answer_that_the_receiver_gave(owner: Caller, receiver: Receiver) -> None:
    endpoint_id = owner.add(url=receiver.url)["id"]
    receiver.answer = always(401, body="서명이 다릅니다".encode())
    asked = owner("POST", f"{endpoint_id}/test/")
    assert (asked.status_code, asked.json()["state"], asked.json()["event_type"]) == (202, "pending", TEST_EVENT)
    clock = SystemClock()
    ports = SendingPorts(poster=wiring.outbound(), key=wiring.secret_key(), facts_of=event_facts, clock=clock)
    for delivery in reserve_due(clock=clock, limit=5):
        deliver(delivery, ports=ports)
    page = owner("GET", f"{endpoint_id}/deliveries/").json()
    (row,) = page["results"]
    assert (row["id"], row["state"], row["next_attempt_at"]) == (asked.json()["id"], "failed", None)
    (attempt,) = row["attempts"]
    assert (attempt["status"], attempt["answer"], attempt["fault"]) == (401, "서명이 다릅니다", "")


def test_the_log_is_read_in_pages(tenant: Tenant, owner: Caller) -> None:
    endpoint = WebhookEndpoint.objects.for_tenant(tenant).get(pk=owner.add()["id"])
    now = SystemClock().now()
    made = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            tenant=tenant, endpoint=endpoint, event_type="job_failed", message_id="evt_1", created_at=now, due_at=now
        )
        for _ in range(60)
    )
    first = owner("GET", f"{endpoint.pk}/deliveries/").json()
    second = owner("GET", f"{endpoint.pk}/deliveries/?before={first['next_before']}").json()
    assert [row["id"] for row in first["results"] + second["results"]] == [row.pk for row in reversed(made)]
    assert second["next_before"] is None
    # A test is no event.
    assert owner("GET").json()[0]["waiting"] == 0
