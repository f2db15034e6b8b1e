"""
Promises about every call of the OpenAPI document: who may make it, and that another tenant's things do not exist.

The calls are those of the document, so a new endpoint is tested from its first day. Where a test cannot know something
by itself it fails and says which table below wants a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from apps.core.api_keys import issue_api_key
from apps.core.models import ALL_SCOPES, ApiKey, Membership, RateAccount, Role, Tenant, User
from apps.support.video.selectors.videos import videos_of
from apps.support.webhooks.models import WebhookEndpoint
from libs.clock import SystemClock
from tests.support.contract import Operation, check_answer, operations
from tests.support.videos import STATES, Pipeline
from tests.support.webhooks import Hooks

pytestmark = pytest.mark.django_db

VIDEO = "/api/v1/media/videos/{id}"
MARK = "남의것"

NOBODYS_ID = 2**40

OPEN_CALLS = {"session_retrieve", "login", "logout"}
"""Calls that need nobody to be signed in."""

THEIR_IDS: Mapping[str, Callable[[Tenant], list[object]]] = {
    VIDEO: lambda tenant: [video.pk for video in videos_of(tenant)],
    "/api/v1/tenant/members/{id}": lambda tenant: [row.pk for row in Membership.objects.for_tenant(tenant)],
    "/api/v1/tenant/api-keys/{prefix}": lambda tenant: [row.prefix for row in ApiKey.objects.for_tenant(tenant)],
    "/api/v1/tenant/webhooks/{id}": lambda tenant: [row.pk for row in WebhookEndpoint.objects.for_tenant(tenant)],
}
"""By the path up to its parameter: the ids of another tenant's rows. One line for each kind of thing."""

QUERIES: Mapping[str, object] = {
    "after": 0,
    "before": 2**62,
    "cursor": "cD0x",
    "group": "active",
    "limit": 1000,
    "mine": "false",
    "page_size": 100,
    "place": "ready",
    "search": MARK,
    "session": MARK,
    "status": "READY",
    "tenant": "theirs",
    "window": "day",
}
"""By the name of a query parameter: the value that would show the most of another tenant, if anything did."""

NUMBERS = {"size_bytes", "part_numbers", "after"}
"""Numbers in requests that are nobody's id."""

IDS_IN_BODIES = {"video_ids", "before"}
"""Numbers in requests that are ids. What they may do is in `TestIdsInBodies`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who calls, by key or signed in."""

    client: Client
    bearer: str = ""
    tenant: str = ""
    """Which tenant to ask for; one's own if it is empty."""

    @property
    def headers(self) -> dict[str, str]:
        named = {"Authorization": f"Bearer {self.bearer}" if self.bearer else "", "X-Tenant": self.tenant}
        return {name: value for name, value in named.items() if value}

    def call(self, operation: Operation, address: str, *, query: Mapping[str, object] | None = None) -> Any:
        body = operation.body()
        answer = self.client.generic(
            operation.method,
            address,
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers=self.headers,
            query_params=dict(query or {}),
        )
        check_answer(operation.method, address, answer)
        return answer


def key(tenant: Tenant, scopes: Sequence[str] = ALL_SCOPES) -> Caller:
    issued = issue_api_key(tenant=tenant, name="test", scopes=scopes)
    return Caller(client=Client(raise_request_exception=False), bearer=issued.plaintext)


def person(tenant: Tenant, role: str, *, checks_csrf: bool = False) -> Caller:
    """Sign a member in; `operator` is an owner who also runs the installation."""
    is_operator = role == "operator"
    user = User.objects.create_user(f"{role}-{checks_csrf}-{tenant.code}", is_staff=is_operator)
    Membership.objects.create(user=user, tenant=tenant, role=Role.OWNER if is_operator else role)
    client = Client(enforce_csrf_checks=checks_csrf, raise_request_exception=False)
    client.force_login(user)
    return Caller(client=client)


@pytest.fixture(autouse=True)
def _engines(s3_engine: None, sqs_engine: None) -> None:
    """Calls that get through ask storage and queue."""


@pytest.fixture
def mine() -> Tenant:
    return Tenant.objects.create(code="mine", name="내 학원")


@pytest.fixture
def theirs() -> Tenant:
    """Another tenant with one of everything, each marked as its own."""
    pipeline = Pipeline(code="theirs", clock=SystemClock())
    for state in STATES:
        video = pipeline.in_state(state)
        video.title, video.session, video.position = f"{MARK} {state}", MARK, video.pk
        video.save(update_fields=["title", "session", "position"])
    user = User.objects.create_user(f"{MARK}-owner", display_name=MARK)
    Membership.objects.create(user=user, tenant=pipeline.tenant, role=Role.OWNER)
    issue_api_key(tenant=pipeline.tenant, name=MARK)
    Hooks(pipeline).add(f"http://127.0.0.1:1/{MARK}")
    return pipeline.tenant


def rows(tenant: Tenant | None = None) -> dict[str, list[Any]]:
    """Return every row there is, or every row of one tenant. Who came by last is left out."""
    found = {}
    for config in apps.get_app_configs():
        for model in config.get_models() if config.name.startswith("apps.") else ():
            if model is RateAccount:
                continue
            queryset = model._base_manager.order_by("pk")
            if tenant is not None:
                if not hasattr(model, "tenant"):
                    continue
                queryset = queryset.filter(tenant=tenant)
            found[model.__name__] = [
                {name: value for name, value in row.items() if name not in {"last_used_at", "last_login"}}
                for row in queryset.values()
            ]
    return found


def their_ids(operation: Operation, theirs: Tenant) -> list[object]:
    place = operation.parameter_path
    if place is None:
        return []
    assert place in THEIR_IDS, f"{operation} is new: add a line for {place} to THEIR_IDS"
    ids = THEIR_IDS[place](theirs)
    assert ids, f"the other tenant has nothing at {place}: extend the fixture `theirs`"
    return ids


class TestForeignThings:
    def test_another_tenants_ids_answer_404_and_nothing_changes(self, mine: Tenant, theirs: Tenant) -> None:
        callers = [key(mine), person(mine, "operator")]
        before, wrong = rows(), []
        for operation in operations():
            if not (ids := their_ids(operation, theirs)):
                continue
            for caller in callers:
                nobodys = refusal(caller.call(operation, operation.address(NOBODYS_ID)))
                # What no key may do at all is refused before anything is looked at.
                expected = 403 if caller.bearer and operation.rights("apiKey") is None else 404
                for their_id in ids:
                    answer = caller.call(operation, operation.address(their_id))
                    if answer.status_code != expected or refusal(answer) != nobodys:
                        wrong.append(f"{operation} of {their_id}: {answer.status_code}")
        assert not wrong
        assert rows() == before

    def test_nobody_acts_for_another_tenant_by_naming_it(self, mine: Tenant, theirs: Tenant) -> None:
        callers = [replace(caller, tenant="theirs") for caller in (key(mine), person(mine, "owner"))]
        before, wrong = rows(), []
        for operation in secured():
            for caller in callers:
                answer = caller.call(operation, an_address(operation, theirs))
                if (answer.status_code, answer.json()["code"]) != (403, "permission_denied"):
                    wrong.append(f"{operation}: {answer.status_code}")
        assert not wrong
        assert rows() == before

    def test_no_other_call_shows_or_changes_another_tenants_things(self, mine: Tenant, theirs: Tenant) -> None:
        callers = [key(mine), person(mine, "owner")]
        before = rows(theirs)
        shown = []
        for operation in operations():
            if operation.parameter_path is not None or operation.name == "logout":
                continue
            for caller in callers:
                for query in queries_of(operation):
                    answer = caller.call(operation, operation.path, query=query)
                    assert answer.status_code < 500, operation
                    if MARK in answer.content.decode() or '"theirs"' in answer.content.decode():
                        shown.append(f"{operation} {query}")
        assert not shown
        assert rows(theirs) == before

    def test_what_is_looked_for_would_be_found(self, theirs: Tenant) -> None:
        """The test above proves nothing unless the owners themselves see their mark by these very calls."""
        caller, seen = person(theirs, "owner"), set()
        for operation in operations():
            if operation.parameter_path is None and operation.method == "GET":
                for query in queries_of(operation):
                    if MARK in caller.call(operation, operation.path, query=query).content.decode():
                        seen.add(operation.name)
        assert seen >= {
            "media_videos_list",
            "media_videos_sessions_list",
            "tenant_members",
            "tenant_api_keys",
            "webhooks",
        }


def refusal(answer: Any) -> dict[str, Any]:
    """Return what a refusal says, but for the id of its request."""
    return {**answer.json(), "request_id": ""}


def queries_of(operation: Operation) -> Iterator[dict[str, object]]:
    yield {}
    for name in operation.query_names():
        assert name in QUERIES, f"{operation} takes {name}, which is new: add a line to QUERIES"
        yield {name: QUERIES[name]}


class TestIdsInBodies:
    def test_every_number_in_a_request_is_known_to_be_an_id_or_none(self) -> None:
        """A new one belongs to NUMBERS, or to IDS_IN_BODIES with a test in this class."""
        numbers = set()
        for operation in operations():
            for name, schema in ((operation.body_schema() or {}).get("properties") or {}).items():
                kinds = {str(schema.get("type")), str(schema.get("items", {}).get("type")), str(schema.get("format"))}
                if any("integer" in kind or "uuid" in kind for kind in kinds):
                    numbers.add(name)
        assert numbers == NUMBERS | IDS_IN_BODIES

    def test_many_at_once_are_refused_one_by_one(self, mine: Tenant, theirs: Tenant) -> None:
        ids = THEIR_IDS[VIDEO](theirs)
        before = rows(theirs)
        policy = {"allow_skip": False, "max_speed": 1, "watermark": True}
        for action in (
            {"action": "retry"},
            {"action": "delete"},
            {"action": "move", "session": "내것"},
            {"action": "set_policy", "policy": policy},
        ):
            caller = key(mine)
            answer = caller.client.post(
                "/api/v1/media/videos/bulk/",
                {**action, "video_ids": ids},
                content_type="application/json",
                headers=caller.headers,
            )
            assert [result["refusal"]["code"] for result in answer.json()["results"]] == ["not_found"] * len(ids)
        assert rows(theirs) == before

    def test_a_video_is_not_put_before_another_tenants(self, mine: Tenant, theirs: Tenant) -> None:
        own = Pipeline(code="own", clock=SystemClock())
        video = own.pending()
        caller, before = key(own.tenant), rows()
        for their_id in THEIR_IDS[VIDEO](theirs):
            answer = caller.client.post(
                f"/api/v1/media/videos/{video.pk}/move/",
                {"session": MARK, "before": their_id},
                content_type="application/json",
                headers=caller.headers,
            )
            assert answer.status_code == 404
        assert rows() == before


class TestRights:
    """The document's `security` of each call is what the server asks for, no more and no less."""

    def test_only_these_are_open(self) -> None:
        assert {operation.name for operation in operations() if operation.is_open} == OPEN_CALLS

    def test_nobody_is_401(self, theirs: Tenant) -> None:
        nobody = Caller(client=Client(raise_request_exception=False))
        forged = replace(nobody, bearer="avk_aaaaaaaa_" + "x" * 43)
        before, wrong = rows(), []
        for operation in secured():
            for caller, code in ((nobody, "not_authenticated"), (forged, "invalid_api_key")):
                answer = caller.call(operation, an_address(operation, theirs))
                challenge = answer.headers.get("WWW-Authenticate", "")
                if (answer.status_code, answer.json()["code"], challenge[:6]) != (401, code, "Bearer"):
                    wrong.append(f"{operation}: {answer.status_code}")
        assert not wrong
        assert rows() == before

    def test_a_key_needs_each_of_the_scopes(self, theirs: Tenant) -> None:
        none = key(theirs, scopes=[])
        all_but = {scope: key(theirs, scopes=sorted(set(ALL_SCOPES) - {scope})) for scope in ALL_SCOPES}
        every = key(theirs)
        before, wrong = rows(), []
        for operation in secured():
            scopes = operation.rights("apiKey")
            refused = [none, every] if scopes is None else [none, *(all_but[scope] for scope in scopes)]
            for caller in refused:
                answer = caller.call(operation, an_address(operation, theirs))
                if (answer.status_code, answer.json()["code"]) != (403, "permission_denied"):
                    wrong.append(f"{operation}: {answer.status_code}")
        assert not wrong
        assert rows() == before

    def test_a_person_needs_the_role(self, theirs: Tenant) -> None:
        order = ["viewer", "staff", "owner", "operator"]
        people = {role: person(theirs, role) for role in order}
        before, wrong = rows(), []
        for operation in secured():
            (least,) = operation.rights("session") or [""]
            for role in order[: order.index(least)]:
                answer = people[role].call(operation, an_address(operation, theirs))
                if (answer.status_code, answer.json()["code"]) != (403, "permission_denied"):
                    wrong.append(f"{operation} by {role}: {answer.status_code}")
        assert not wrong
        assert rows() == before

    def test_the_scopes_and_roles_that_are_listed_suffice(self, mine: Tenant) -> None:
        """Asked of things that nobody has, so that 404 is the answer of those who may."""
        order = ["viewer", "staff", "owner", "operator"]
        people = {role: person(mine, role) for role in order}
        wrong = []
        for operation in secured():
            (least,) = operation.rights("session") or [""]
            allowed = [people[least]]
            if (scopes := operation.rights("apiKey")) is not None:
                allowed.append(key(mine, scopes=scopes))
            for caller in allowed:
                answer = caller.call(operation, operation.address(NOBODYS_ID))
                if answer.status_code in {401, 403} or answer.status_code >= 500:
                    wrong.append(f"{operation}: {answer.status_code}")
        assert not wrong

    def test_a_session_writes_only_with_the_token_of_our_pages(self, theirs: Tenant) -> None:
        browser = person(theirs, "operator", checks_csrf=True)
        before, wrong = rows(), []
        for operation in operations():
            if operation.method != "GET":
                answer = browser.call(operation, an_address(operation, theirs))
                if (answer.status_code, answer.json()["code"]) != (403, "csrf_failed"):
                    wrong.append(f"{operation}: {answer.status_code}")
        assert not wrong
        assert rows() == before


def secured() -> list[Operation]:
    return [operation for operation in operations() if not operation.is_open]


def an_address(operation: Operation, theirs: Tenant) -> str:
    return operation.address(next(iter(their_ids(operation, theirs)), ""))
