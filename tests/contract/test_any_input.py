"""
Promises to whoever sends anything: no input breaks the server, and every answer is one that the OpenAPI document lists.

schemathesis makes calls from the document, the same ones in every run; the hostile values are those that have broken
servers before. All go through the whole application in this process, over real PostgreSQL, S3 and SQS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.core.models import Membership, Tenant, User
from libs.clock import SystemClock
from tests.contract.test_every_call import THEIR_IDS, Caller, key, person
from tests.support.contract import Operation, check_answer, document, operations
from tests.support.videos import STATES, Pipeline
from tests.support.webhooks import Hooks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("s3_engine", "sqs_engine")]

CALLS_EACH = 4
"""Of every operation, by every caller, with what the document allows and as many with what it does not."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

HOSTILE_VALUES: tuple[Any, ...] = (
    *("\0", "a\0b", "\ud800", "\u202e", "١", "", " ", "a" * 100_000, "'; DROP TABLE video; --", "../../etc/passwd"),
    *(0, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 0.5, 1e308, float("nan"), float("inf")),
    *(True, None, [], {}, [[]], [None], ["\0"], [10**30], [-1], {"a": {"b": []}}),
)
# The last are cursors that say p=%00, p=abc and o=-1.
HOSTILE_QUERIES = (
    "\0",
    "%00",
    "\udcff",
    "١",
    "-1",
    "1.5",
    "1e9",
    str(2**63),
    "9" * 5000,
    "",
    "'",
    "[]",
    "cD0lMDA=",
    "cD1hYmM=",
    "bz0tMQ==",
)
HOSTILE_HEADERS = ("", " ", "é", "\x7f", "k" * 256, "a,b", str(10**30), "-1", "%00")
HEADERS_OF_EVERY_CALL = ("X-Tenant", "X-Request-ID", "Accept-Language", "Accept", "Authorization")
ONE_CALL = "media_videos_quota_retrieve"
"""Where the headers are tried that no view looks at by itself."""


@pytest.fixture
def tenant() -> Tenant:
    """A tenant with a video in every state, a key, a member to spare and a webhook."""
    pipeline = Pipeline(clock=SystemClock())
    for state in STATES:
        pipeline.in_state(state)
    user = User.objects.create_user("spare")
    Membership.objects.create(user=user, tenant=pipeline.tenant, role="viewer")
    key(pipeline.tenant)
    Hooks(pipeline).add("http://127.0.0.1:1/")
    return pipeline.tenant


@pytest.mark.parametrize("who", ["member", "operator"])
def test_no_call_breaks_the_server_or_gets_an_answer_that_is_not_listed(tenant: Tenant, who: str) -> None:
    addresses = {operation.path: usable_ids(operation, tenant) for operation in operations()}
    caller = key(tenant) if who == "member" else person(tenant, "operator")
    schema = schemathesis.openapi.from_dict(document())
    schema.app = get_wsgi_application()
    made: list[Any] = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(made) == len(operations())
    for operation in sorted(made, key=ends_something):
        if who == "member" and not any("apiKey" in way for way in operation.definition.raw.get("security", ())):
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            send_many(operation, mode, caller=caller, ids=addresses[operation.path])


def send_many(operation: Any, mode: GenerationMode, *, caller: Caller, ids: list[object]) -> None:
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
        return
    turns = count()

    @settings(
        max_examples=CALLS_EACH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Case[Any]) -> None:
        turn = next(turns)
        if ids and turn % 4:
            # An invented id is nobody's, and a call of nobody's things says little.
            case.path_parameters = {name: ids[turn % len(ids)] for name in case.path_parameters}
        cookies = {name: morsel.value for name, morsel in caller.client.cookies.items()}
        case.validate_response(case.call(headers=caller.headers, cookies=cookies), checks=CHECKS)

    send()


def ends_something(operation: Any) -> bool:
    """Tell whether a call takes away what others need."""
    return bool(operation.method == "delete" or operation.path.endswith("logout/"))


def usable_ids(operation: Operation, tenant: Tenant) -> list[object]:
    place = operation.parameter_path
    return THEIR_IDS[place](tenant) if place else []


def test_no_hostile_value_breaks_the_server(tenant: Tenant) -> None:
    caller = person(tenant, "operator")
    broken = []
    for operation in sorted(operations(), key=lambda operation: operation.method == "DELETE"):
        if operation.name == "logout":
            continue
        ids = usable_ids(operation, tenant)
        address = operation.address(ids[0] if ids else "")
        for sent in hostile_calls(operation):
            answer = caller.client.generic(
                operation.method,
                address,
                sent.get("body", json.dumps(operation.body()).encode()),
                content_type="application/json",
                headers=sent.get("headers", {}),
                QUERY_STRING=sent.get("query", ""),
            )
            check_answer(operation.method, address, answer)
            if answer.status_code >= 500:
                broken.append(f"{operation} {str(sent)[:200]}")
    assert not broken, "\n".join(broken)


def hostile_calls(operation: Operation) -> Iterator[dict[str, Any]]:
    body = operation.body()
    for name in body or ():
        for value in HOSTILE_VALUES:
            yield {"body": json.dumps({**body, name: value}).encode()}
    if body is not None:
        for raw in (b"", b"{", b"[]", b"null", b'"\xff"', b'{"a":' * 20_000, b'{"size_bytes": 1' + b"0" * 5000 + b"}"):
            yield {"body": raw}
    for name in operation.query_names():
        for text in HOSTILE_QUERIES:
            yield {"query": f"{name}={text}".encode("utf-8", "surrogateescape").decode("latin-1")}
    headers = [parameter["name"] for parameter in operation.facts.get("parameters", ()) if parameter["in"] == "header"]
    if operation.name == ONE_CALL:
        headers += HEADERS_OF_EVERY_CALL
    for name in headers:
        for text in HOSTILE_HEADERS:
            yield {"headers": {name: text}}
