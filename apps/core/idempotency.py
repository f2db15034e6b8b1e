"""
Lets a client repeat a write after a lost answer: the header `Idempotency-Key` makes the repeat the same call.

The first call with a key does the work and its answer is stored; later calls with the key and the same body get that
answer again, for a day. Calls that arrive while the first is at work wait for it. Answers that may well be different
next time (5xx, 409, 429 and whatever depends on who asks) are not stored, so that a repeat tries again.

The answer is stored after the work, not in its transaction: most of our writes talk to storage or the queue and have
no single one. A process that dies in between lets a repeat do the work again, so a service must bear that by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import psycopg.errors
import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.errors import IdempotencyInProgress, IdempotencyKeyInvalid, IdempotencyKeyReused
from apps.core.models import IdempotencyRecord, Tenant
from apps.core.permissions import current_tenant
from libs.clock import SystemClock
from libs.db.guards import assert_no_transaction

log = structlog.get_logger()

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
RETENTION = timedelta(hours=24)

# Longer than a complete's probe and send budgets together, shorter than what browsers and proxies wait.
DEFAULT_WAIT_SECONDS = 15.0
_RETRY_AFTER_SECONDS = 2

# Client errors that the same request will get again. 401, 403 and 404 can end with a right or a row that comes later,
# 409 is about a state that moves on, and 408, 425 and 429 say themselves that it was only not now.
_DEFINITE_CLIENT_ERRORS = frozenset({400, 405, 410, 413, 415, 422})

IDEMPOTENCY_KEY_PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="1 to 255 printable characters. A repeat with the same key and body gets the same answer, for a day.",
)

View = TypeVar("View", bound=APIView)
Params = ParamSpec("Params")
ViewMethod = Callable[Concatenate[View, Request, Params], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What makes two requests the same call."""

    tenant: Tenant
    key: str
    operation: str
    request_hash: str

    @property
    def lock_id(self) -> int:
        name = json.dumps([self.tenant.pk, self.key, self.operation]).encode()
        return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)


@overload
def idempotent(method: ViewMethod[View, Params], /) -> ViewMethod[View, Params]: ...
@overload
def idempotent(*, wait_seconds: float) -> Callable[[ViewMethod[View, Params]], ViewMethod[View, Params]]: ...
def idempotent(method: Any = None, /, *, wait_seconds: float = DEFAULT_WAIT_SECONDS) -> Any:
    """
    Honour `Idempotency-Key` on a method of a DRF view; without the header the method is simply called.

    The caller needs to have passed the view's permissions: keys live inside the tenant. Must not run in a transaction.

    Args:
        method: The view's method, like `post`.
        wait_seconds: How long a duplicate waits for the first call before it is told to come back.

    Raises:
        IdempotencyKeyInvalid: Empty, longer than 255 characters, or not printable ASCII.
        IdempotencyKeyReused: The key came with another body before.
        IdempotencyInProgress: The first call is still at work after `wait_seconds`.

    Source:
        https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    """
    if method is None:
        return lambda inner: _wrap(inner, wait_seconds)
    return _wrap(method, wait_seconds)


def prune_idempotency_records(*, now: datetime, limit: int = 1000) -> int:
    """Delete answers that are older than a day, at most `limit` at a time; return how many went."""
    old = IdempotencyRecord.objects.across_tenants().filter(created_at__lt=now - RETENTION)
    oldest = list(old.order_by("created_at").values_list("pk", flat=True)[:limit])
    deleted, _ = IdempotencyRecord.objects.across_tenants().filter(pk__in=oldest).delete()
    return deleted


def _wrap(method: ViewMethod[View, Params], wait_seconds: float) -> ViewMethod[View, Params]:
    @wraps(method)
    def answer_once(view: View, request: Request, /, *args: Params.args, **kwargs: Params.kwargs) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return method(view, request, *args, **kwargs)
        call = _call_of(request, key)
        assert_no_transaction()
        with _held_by_one(call.lock_id, wait_seconds=wait_seconds):
            known = _find_answer(call)
            if known is not None:
                return _replay(call, known)
            response = _answer(view, lambda: method(view, request, *args, **kwargs))
            if _is_definite(response.status_code):
                _store_answer(call, response)
            return response

    return answer_once


def _call_of(request: Request, key: str) -> _Call:
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyInvalid
    asked = json.dumps([request.query_params, request.data], sort_keys=True, default=str)
    return _Call(
        tenant=current_tenant(request),
        key=key,
        operation=f"{request.method} {request.path}"[:400],
        request_hash=hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _answer(view: APIView, call_method: Callable[[], Response]) -> Response:
    try:
        return call_method()
    except Exception as error:
        refused = view.handle_exception(error)
        if not isinstance(refused, Response):
            raise
        return refused


def _is_definite(status_code: int) -> bool:
    return 200 <= status_code < 300 or status_code in _DEFINITE_CLIENT_ERRORS


def _find_answer(call: _Call) -> IdempotencyRecord | None:
    records = IdempotencyRecord.objects.for_tenant(call.tenant).filter(key=call.key, operation=call.operation)
    record = records.first()
    if record is not None and record.created_at <= SystemClock().now() - RETENTION:
        record.delete()
        return None
    return record


def _replay(call: _Call, record: IdempotencyRecord) -> Response:
    if record.request_hash != call.request_hash:
        raise IdempotencyKeyReused
    data = None if record.body is None else json.loads(record.body)
    return Response(data, status=record.status_code, headers={REPLAYED_HEADER: "true"})


def _store_answer(call: _Call, response: Response) -> None:
    body = None if response.data is None else JSONRenderer().render(response.data).decode()
    IdempotencyRecord.objects.create(
        tenant=call.tenant,
        key=call.key,
        operation=call.operation,
        request_hash=call.request_hash,
        status_code=response.status_code,
        body=body,
        created_at=SystemClock().now(),
    )


@contextmanager
def _held_by_one(lock_id: int, *, wait_seconds: float) -> Iterator[None]:
    """Hold a lock of the database session, which ends with the process that holds it."""
    _lock(lock_id, wait_seconds)
    try:
        yield
    finally:
        _unlock(lock_id)


def _lock(lock_id: int, wait_seconds: float) -> None:
    try:
        # The transaction is only there to bound the wait: SET LOCAL ends with it, the session's lock does not.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{max(1, int(wait_seconds * 1000))}ms"])
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_id])
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise IdempotencyInProgress(retry_after_seconds=_RETRY_AFTER_SECONDS) from error
        raise


def _unlock(lock_id: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [lock_id])
            row = cursor.fetchone()
    except (DatabaseError, InterfaceError) as error:
        # The session is broken or gone, and its locks go with it; the answer itself is not in doubt.
        connection.close()
        log.warning("idempotency_lock_dropped", error=type(error).__name__)
        return
    if row is None or not row[0]:
        log.warning("idempotency_lock_dropped", error="another session")
