"""Promises to a client that lost an answer: asking again with the same key does the work once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api_keys import issue_api_key
from apps.core.idempotency import RETENTION, idempotent, prune_idempotency_records
from apps.core.models import IdempotencyRecord, Tenant
from apps.core.permissions import CanWriteVideos
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

DEADLINE_SECONDS = 20


@dataclass
class Work:
    """What the view under test does: counts itself, then runs what the test wants."""

    calls: int = 0
    then: Callable[[], Response] = lambda: Response({"b": 1, "a": "강의"}, status=201)
    entered: threading.Event = field(default_factory=threading.Event)


WORK = Work()


class WorkView(APIView):
    permission_classes = (CanWriteVideos,)

    @idempotent
    def post(self, request: Request, number: int = 0) -> Response:
        WORK.calls += 1
        WORK.entered.set()
        return WORK.then()


class ImpatientView(WorkView):
    @idempotent(wait_seconds=0.2)
    def post(self, request: Request, number: int = 0) -> Response:
        WORK.calls += 1
        WORK.entered.set()
        return WORK.then()


urlpatterns = [
    path("api/v1/work/<int:number>/", WorkView.as_view()),
    path("api/v1/impatient/<int:number>/", ImpatientView.as_view()),
]


@pytest.fixture(autouse=True)
def _fresh_work() -> Iterator[None]:
    WORK.__init__()  # type: ignore[misc]
    yield
    WORK.__init__()  # type: ignore[misc]


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(code="demo", name="데모 학원")


@dataclass
class Caller:
    bearer: str

    def post(self, body: Any = None, *, key: str | None = "key-1", url: str = "/api/v1/work/1/") -> Any:
        headers = {"Authorization": f"Bearer {self.bearer}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        client = Client(raise_request_exception=False)
        return client.post(url, body or {}, content_type="application/json", headers=headers)

    def post_in_thread(self, pool: ThreadPoolExecutor, **call: Any) -> Any:
        def run() -> Any:
            try:
                return self.post(**call)
            finally:
                connections.close_all()

        return pool.submit(run)


@pytest.fixture
def caller(tenant: Tenant) -> Caller:
    return Caller(issue_api_key(tenant=tenant, name="client").plaintext)


def refuse(error: Exception) -> Callable[[], Response]:
    def run() -> Response:
        raise error

    return run


def test_a_repeat_gets_the_same_answer_and_does_nothing(caller: Caller) -> None:
    first, second = caller.post({"x": 1}), caller.post({"x": 1})

    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert first.json() == {"b": 1, "a": "강의"}
    assert WORK.calls == 1
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


def test_the_order_of_fields_does_not_make_another_body(caller: Caller) -> None:
    caller.post({"x": 1, "y": 2})
    assert caller.post({"y": 2, "x": 1}).status_code == 201
    assert WORK.calls == 1


def test_an_empty_answer_stays_empty(caller: Caller) -> None:
    WORK.then = lambda: Response(status=204)
    caller.post()
    second = caller.post()
    assert (second.status_code, second.content, WORK.calls) == (204, b"", 1)


def test_without_a_key_every_call_counts(caller: Caller) -> None:
    caller.post(key=None)
    caller.post(key=None)
    assert WORK.calls == 2
    assert not IdempotencyRecord.objects.across_tenants().exists()


def test_the_same_key_with_another_body_is_refused(caller: Caller) -> None:
    caller.post({"x": 1})
    refused = caller.post({"x": 2})

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert WORK.calls == 1
    assert caller.post({"x": 1}).status_code == 201


def test_a_key_belongs_to_one_address(caller: Caller) -> None:
    caller.post()
    caller.post(url="/api/v1/work/2/")
    assert WORK.calls == 2


def test_a_key_belongs_to_one_tenant(caller: Caller) -> None:
    other = Tenant.objects.create(code="other", name="다른 학원")
    caller.post()
    Caller(issue_api_key(tenant=other, name="client").plaintext).post()
    assert WORK.calls == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside", "키", "nul\x00"])
def test_a_bad_key_is_refused_and_nothing_is_done(caller: Caller, key: str) -> None:
    refused = caller.post(key=key)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_idempotency_key")
    assert WORK.calls == 0


def test_the_longest_key_is_taken(caller: Caller) -> None:
    assert caller.post(key="~" * 255).status_code == 201


def test_a_definite_refusal_is_given_again(caller: Caller) -> None:
    WORK.then = refuse(serializers.ValidationError({"title": ["no"]}))
    first, second = caller.post(), caller.post()
    assert first.status_code == second.status_code == 400
    assert first.json() == second.json()
    assert WORK.calls == 1


@pytest.mark.parametrize("error", [APIException(), RuntimeError("bug"), NotFound(), Throttled(wait=1)])
def test_what_may_go_better_next_time_is_tried_again(caller: Caller, error: Exception) -> None:
    WORK.then = refuse(error)
    assert caller.post().status_code in {404, 429, 500}
    assert not IdempotencyRecord.objects.across_tenants().exists()

    WORK.then = Work().then
    assert caller.post().status_code == 201
    assert WORK.calls == 2


def test_a_state_conflict_is_tried_again(caller: Caller) -> None:
    WORK.then = lambda: Response({"code": "upload_incomplete"}, status=409)
    assert caller.post().status_code == 409
    WORK.then = Work().then
    assert caller.post().status_code == 201


def test_concurrent_duplicates_wait_and_get_the_first_ones_answer(caller: Caller) -> None:
    finish = threading.Event()

    def slow() -> Response:
        assert finish.wait(DEADLINE_SECONDS)
        return Response({"call": WORK.calls})

    WORK.then = slow
    with ThreadPoolExecutor(max_workers=3) as pool:
        answers = [caller.post_in_thread(pool) for _ in range(3)]
        assert WORK.entered.wait(DEADLINE_SECONDS)
        _wait_for_lock_waiters(2)
        finish.set()
        bodies = [answer.result(DEADLINE_SECONDS).json() for answer in answers]

    assert bodies == [{"call": 1}] * 3
    assert WORK.calls == 1


def test_a_duplicate_does_not_wait_for_ever(caller: Caller) -> None:
    finish = threading.Event()

    def slow() -> Response:
        assert finish.wait(DEADLINE_SECONDS)
        return Response({})

    WORK.then = slow
    url = "/api/v1/impatient/1/"
    with ThreadPoolExecutor(max_workers=1) as pool:
        first = caller.post_in_thread(pool, url=url)
        assert WORK.entered.wait(DEADLINE_SECONDS)
        refused = caller.post(url=url)
        finish.set()
        assert first.result(DEADLINE_SECONDS).status_code == 200

    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_in_progress")
    assert refused.headers["Retry-After"] == "2"
    assert WORK.calls == 1
    assert caller.post(url=url).headers["Idempotency-Replayed"] == "true"


def test_a_failed_first_call_lets_the_waiting_one_try(caller: Caller) -> None:
    finish = threading.Event()

    def fail_first() -> Response:
        if WORK.calls == 1:
            assert finish.wait(DEADLINE_SECONDS)
            raise RuntimeError("bug")
        return Response({"call": WORK.calls})

    WORK.then = fail_first
    with ThreadPoolExecutor(max_workers=2) as pool:
        first = caller.post_in_thread(pool)
        assert WORK.entered.wait(DEADLINE_SECONDS)
        second = caller.post_in_thread(pool)
        _wait_for_lock_waiters(1)
        finish.set()
        statuses = (first.result(DEADLINE_SECONDS).status_code, second.result(DEADLINE_SECONDS).status_code)

    assert statuses == (500, 200)
    assert WORK.calls == 2


def test_no_lock_and_no_timeout_is_left_behind(caller: Caller) -> None:
    WORK.then = refuse(RuntimeError("bug"))
    caller.post()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert cursor.fetchone() == (0,)
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_after_a_day_the_key_is_free_again(caller: Caller) -> None:
    caller.post({"x": 1})
    IdempotencyRecord.objects.across_tenants().update(created_at=timezone.now() - RETENTION)

    assert caller.post({"x": 2}).status_code == 201
    assert WORK.calls == 2


def test_pruning_takes_the_old_and_leaves_the_young(caller: Caller) -> None:
    for number in range(4):
        caller.post(key=f"old-{number}")
    IdempotencyRecord.objects.across_tenants().update(created_at=timezone.now() - RETENTION - timedelta(seconds=1))
    caller.post(key="young")

    assert prune_idempotency_records(now=timezone.now(), limit=3) == 3
    assert prune_idempotency_records(now=timezone.now(), limit=3) == 1
    assert prune_idempotency_records(now=timezone.now()) == 0
    assert IdempotencyRecord.objects.across_tenants().get().key == "young"


def _wait_for_lock_waiters(count: int) -> None:
    def all_wait() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
            )
            return bool(cursor.fetchone()[0] == count)

    wait_until(all_wait, timeout_seconds=DEADLINE_SECONDS, message=f"{count} callers wait")
