"""
How often somebody may call, counted once for all api processes.

Each caller has one row with the time at which everything it has called for is paid off. A call moves that time on by
its price and is refused where that would take it further than the allowance's window from now: all calls of a window
at once or evenly spread, but no more. It is one conditional statement, so that two processes never both take the last
call. This is the generic cell rate algorithm.

The table is unlogged: it costs no write to disk, and a crash of the database forgets what was counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.core.models import ApiKey, RateAccount, User

_MINUTE_SECONDS = 60.0

_TAKE = """
INSERT INTO core_rateaccount AS account (key, paid_at)
VALUES (%(key)s, statement_timestamp() + %(price)s * interval '1 second')
ON CONFLICT (key) DO UPDATE
   SET paid_at = greatest(account.paid_at, statement_timestamp()) + %(price)s * interval '1 second'
 WHERE greatest(account.paid_at, statement_timestamp()) + %(price)s * interval '1 second'
       <= statement_timestamp() + %(window)s * interval '1 second'
RETURNING key
"""
_WAIT = """
SELECT extract(epoch FROM paid_at - statement_timestamp())::float + %(price)s - %(window)s
  FROM core_rateaccount WHERE key = %(key)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """So many calls within so many seconds."""

    calls: int
    seconds: float

    @property
    def price_seconds(self) -> float:
        return self.seconds / self.calls


def take(key: str, allowance: Allowance) -> None:
    """
    Let a call pass and count it.

    Args:
        key: Who calls, and for what; at most 100 characters.

    Raises:
        Throttled: The allowance is used up. It says after how many seconds the next call would pass.
    """
    values: dict[str, str | float] = {"key": key, "price": allowance.price_seconds, "window": allowance.seconds}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        if cursor.fetchone() is not None:
            return
        cursor.execute(_WAIT, values)
        row = cursor.fetchone()
    raise Throttled(wait=max(1.0, row[0] if row else 0.0))


def give_back(key: str, allowance: Allowance) -> None:
    """Take a call back out of the count."""
    price = timedelta(seconds=allowance.price_seconds)
    RateAccount.objects.filter(key=key).update(paid_at=F("paid_at") - price)


def forget(key: str) -> None:
    """Let somebody start afresh."""
    RateAccount.objects.filter(key=key).delete()


def forget_idle_accounts(*, now: datetime) -> int:
    """Delete what says nothing any more, and return how much that was."""
    deleted, _ = RateAccount.objects.filter(paid_at__lt=now).delete()
    return deleted


def take_anonymous_call(request: HttpRequest) -> None:
    """
    Count a call of somebody who is not signed in, or whose key is none.

    Raises:
        Throttled: There were too many from this address.
    """
    calls = settings.ACADEMY_CALLS_PER_MINUTE_AND_ADDRESS
    take(f"address:{client_address(request)}", Allowance(calls=calls, seconds=_MINUTE_SECONDS))


def client_address(request: HttpRequest) -> str:
    """
    Return the address that a request comes from; of an IPv6 address the network, of which one caller has all.

    Proxies of ours append to X-Forwarded-For the address that they see. What stands before that anybody can write.
    """
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    proxies = settings.ACADEMY_PROXY_COUNT or 0
    seen = hops[-proxies] if 0 < proxies <= len(hops) else request.META.get("REMOTE_ADDR", "")
    try:
        address = ip_address(seen)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)


class CallerThrottle(BaseThrottle):
    """Counts each call that the caller has a right to: by key or person, and by address for those who are neither."""

    def allow_request(self, request: Request, _view: object) -> bool:
        if isinstance(request.auth, ApiKey):
            key = f"key:{request.auth.prefix}"
        elif isinstance(request.user, User):
            key = f"user:{request.user.pk}"
        else:
            take_anonymous_call(request._request)
            return True
        take(key, Allowance(calls=settings.ACADEMY_CALLS_PER_MINUTE, seconds=_MINUTE_SECONDS))
        return True
