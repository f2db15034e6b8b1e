"""What an owner does with endpoints. Every change leaves an `AuditEntry` in the same commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from django.db import connection, transaction

from apps.core.audit import record_audit
from apps.core.errors import CoreNotFound
from apps.core.models import Tenant
from apps.support.video.selectors.events import last_position
from libs.clock import Clock
from libs.outbound.client import SendFailed

from ..domain.messages import TEST_EVENT
from ..domain.signing import SecretLost, make_recipe, secret_of, secret_text
from ..errors import WebhookLimitReached, WebhookUrlRefused
from ..models import DeliveryState, DisabledReason, WebhookDelivery, WebhookEndpoint

WAKE_CHANNEL = "webhook"
"""Told when an owner has changed what there is to send."""

MOST_ENDPOINTS = 10
OLD_SECRET_HOLDS = timedelta(days=1)


class UrlChecker(Protocol):
    """Refuses URLs that are never called, by `SendFailed`."""

    def check(self, url: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedSecret:
    """An endpoint with a fresh secret, and the only moment at which we show it."""

    endpoint: WebhookEndpoint
    secret: str


def add_endpoint(
    *, tenant: Tenant, url: str, event_types: Sequence[str], actor: str, key: str, urls: UrlChecker, clock: Clock
) -> IssuedSecret:
    """
    Send a tenant's events to an address, from the next one on.

    Raises:
        WebhookUrlRefused: The URL is none that we send to.
        WebhookLimitReached: There are ten already.
    """
    _require_usable(url, urls)
    recipe = make_recipe(key=key)
    with transaction.atomic():
        # The tenant's row is the lock: two requests must not both be the tenth.
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        if WebhookEndpoint.objects.for_tenant(tenant).count() >= MOST_ENDPOINTS:
            raise WebhookLimitReached(most=MOST_ENDPOINTS)
        endpoint = WebhookEndpoint.objects.create(
            tenant=tenant,
            url=url,
            event_types=sorted(set(event_types)),
            cursor=last_position(tenant_id=tenant.pk),
            created_at=clock.now(),
            secret_salt=recipe.salt,
            secret_check=recipe.check,
        )
        _audit(endpoint, actor=actor, name="webhook_added")
    return IssuedSecret(endpoint=endpoint, secret=secret_text(secret_of(recipe, key=key)))


def change_endpoint(
    *,
    tenant: Tenant,
    endpoint_id: int,
    actor: str,
    urls: UrlChecker,
    clock: Clock,
    url: str | None = None,
    event_types: Sequence[str] | None = None,
    is_enabled: bool | None = None,
) -> WebhookEndpoint:
    """
    Change what is given, and leave the rest.

    An endpoint that is switched on again goes on where it stopped. Then, and at another address, what waits is due at
    once and has another day for each event.

    Args:
        event_types: Of the events that are taken from now on.

    Raises:
        CoreNotFound: The tenant has no such endpoint.
        WebhookUrlRefused: The URL is none that we send to.
    """
    if url is not None:
        _require_usable(url, urls)
    with transaction.atomic():
        endpoint = locked_endpoint(tenant=tenant, endpoint_id=endpoint_id)
        if url is not None and url != endpoint.url:
            endpoint.url = url
            _start_afresh(endpoint, now=clock.now())
        if event_types is not None:
            endpoint.event_types = sorted(set(event_types))
        endpoint.save(update_fields=["url", "event_types"])
        if url is not None or event_types is not None:
            _audit(endpoint, actor=actor, name="webhook_changed")
        if is_enabled is True and endpoint.disabled_at is not None:
            _switch_on(endpoint, actor=actor, now=clock.now())
        if is_enabled is False and endpoint.disabled_at is None:
            switch_off(endpoint, reason=DisabledReason.OWNER, actor=actor, now=clock.now())
    return endpoint


def rotate_secret(*, tenant: Tenant, endpoint_id: int, actor: str, key: str, clock: Clock) -> IssuedSecret:
    """
    Make a new secret. For a day what is sent carries signatures by both; a second rotation ends the first at once.

    A secret that is lost, because the installation's key has changed, ends now: nothing can be signed by it.

    Raises:
        CoreNotFound: The tenant has no such endpoint.
    """
    recipe = make_recipe(key=key)
    with transaction.atomic():
        endpoint = locked_endpoint(tenant=tenant, endpoint_id=endpoint_id)
        endpoint.previous_salt, endpoint.previous_check = endpoint.secret_salt, endpoint.secret_check
        endpoint.previous_until = clock.now() + OLD_SECRET_HOLDS
        if _is_lost(endpoint, key=key):
            endpoint.previous_salt, endpoint.previous_check, endpoint.previous_until = "", "", None
        endpoint.secret_salt, endpoint.secret_check = recipe.salt, recipe.check
        endpoint.save()
        _audit(endpoint, actor=actor, name="webhook_secret_rotated")
    return IssuedSecret(endpoint=endpoint, secret=secret_text(secret_of(recipe, key=key)))


@transaction.atomic
def remove_endpoint(*, tenant: Tenant, endpoint_id: int, actor: str) -> None:
    """
    Forget an endpoint with its log. What is being sent right now still arrives.

    Raises:
        CoreNotFound: The tenant has no such endpoint.
    """
    endpoint = locked_endpoint(tenant=tenant, endpoint_id=endpoint_id)
    _audit(endpoint, actor=actor, name="webhook_removed")
    endpoint.delete()


@transaction.atomic
def replay(*, tenant: Tenant, endpoint_id: int, after: int, actor: str) -> WebhookEndpoint:
    """
    Send everything behind a position of the feed, again or for the first time; what waits now is forgotten.

    Args:
        after: 0 for all there ever was. One that the feed has not reached yet means: from now on.

    Raises:
        CoreNotFound: The tenant has no such endpoint.
    """
    endpoint = locked_endpoint(tenant=tenant, endpoint_id=endpoint_id)
    waiting = WebhookDelivery.objects.for_tenant(tenant).filter(endpoint=endpoint, state=DeliveryState.PENDING)
    waiting.exclude(event=None).delete()
    endpoint.cursor = min(after, last_position(tenant_id=tenant.pk))
    endpoint.save(update_fields=["cursor"])
    _audit(endpoint, actor=actor, name="webhook_replayed")
    _wake_senders()
    return endpoint


@transaction.atomic
def send_test(*, tenant: Tenant, endpoint_id: int, clock: Clock) -> WebhookDelivery:
    """
    Have a message sent that is no event, once, also to an endpoint that is switched off.

    While one waits to be sent, that one is returned.

    Raises:
        CoreNotFound: The tenant has no such endpoint.
    """
    endpoint = locked_endpoint(tenant=tenant, endpoint_id=endpoint_id)
    tests = WebhookDelivery.objects.for_tenant(tenant).filter(endpoint=endpoint, event=None)
    if waiting := tests.filter(state=DeliveryState.PENDING).first():
        return waiting
    now = clock.now()
    _wake_senders()
    return WebhookDelivery.objects.create(
        tenant=tenant,
        endpoint=endpoint,
        event_type=TEST_EVENT,
        message_id=f"test_{uuid4().hex}",
        created_at=now,
        due_at=now,
    )


def locked_endpoint(*, tenant: Tenant | int, endpoint_id: int) -> WebhookEndpoint:
    """
    Return an endpoint, locked until the transaction ends. Always taken before the rows of its deliveries.

    Raises:
        CoreNotFound: The tenant has no such endpoint.
    """
    endpoint = WebhookEndpoint.objects.for_tenant(tenant).select_for_update(of=("self",)).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise CoreNotFound
    return endpoint


def switch_off(endpoint: WebhookEndpoint, *, reason: DisabledReason, actor: str, now: datetime) -> None:
    """Stop sending to a locked endpoint. What waits goes on waiting."""
    endpoint.disabled_at, endpoint.disabled_reason = now, reason
    endpoint.save(update_fields=["disabled_at", "disabled_reason"])
    _audit(endpoint, actor=actor, name="webhook_disabled", reason=str(reason))


def _switch_on(endpoint: WebhookEndpoint, *, actor: str, now: datetime) -> None:
    endpoint.disabled_at, endpoint.disabled_reason = None, ""
    endpoint.save(update_fields=["disabled_at", "disabled_reason"])
    _start_afresh(endpoint, now=now)
    _audit(endpoint, actor=actor, name="webhook_enabled")


def _start_afresh(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    """Forget how the sends so far went: they say nothing about the next one."""
    endpoint.paused_until = None
    endpoint.save(update_fields=["paused_until"])
    waiting = WebhookDelivery.objects.for_tenant(endpoint.tenant_id).filter(
        endpoint=endpoint, state=DeliveryState.PENDING
    )
    # What is being sent right now keeps its reservation.
    waiting.exclude(leased_until__gt=now).update(due_at=now, first_attempt_at=None)
    _wake_senders()


def _require_usable(url: str, urls: UrlChecker) -> None:
    try:
        urls.check(url)
    except SendFailed as error:
        raise WebhookUrlRefused(fault=error.detail or error.fault) from error


def _is_lost(endpoint: WebhookEndpoint, *, key: str) -> bool:
    try:
        secret_of(endpoint.secret_recipe, key=key)
    except SecretLost:
        return True
    return False


def _audit(endpoint: WebhookEndpoint, *, actor: str, name: str, **facts: object) -> None:
    facts = {"webhook": endpoint.pk, "host": endpoint.host, **facts}
    record_audit(tenant=endpoint.tenant, actor=actor, name=name, facts=facts)


def _wake_senders() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [WAKE_CHANNEL])
