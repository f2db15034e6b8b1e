"""Makes, reads and revokes API keys: `avk_<8 public characters>_<43 secret ones>`."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from apps.core.models import ALL_SCOPES, ApiKey, Tenant

_KEY = re.compile(r"avk_(?P<prefix>[a-z0-9]{8})_[A-Za-z0-9_-]{43}")
_PREFIX_ALPHABET = string.ascii_lowercase + string.digits
_SECRET_BYTES = 32  # 43 characters of URL-safe base64

# Writing the time of every use would turn each read of a busy machine into a write.
_USE_RESOLUTION = timedelta(minutes=1)


class ApiKeyInvalid(Exception):
    """The key is malformed, unknown, revoked or expired, or its tenant is closed. Which one is nobody's business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedApiKey:
    """A fresh key, and the only moment at which its secret exists outside its holder's hands."""

    api_key: ApiKey
    plaintext: str


def issue_api_key(
    *, tenant: Tenant, name: str, scopes: Sequence[str] = ALL_SCOPES, expires_at: datetime | None = None
) -> IssuedApiKey:
    """
    Make a key for a tenant.

    Raises:
        ValueError: A scope that does not exist.
    """
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(8))
    plaintext = f"avk_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    api_key = store_api_key(tenant=tenant, name=name, plaintext=plaintext, scopes=scopes, expires_at=expires_at)
    return IssuedApiKey(api_key=api_key, plaintext=plaintext)


def store_api_key(
    *,
    tenant: Tenant,
    name: str,
    plaintext: str,
    scopes: Sequence[str] = ALL_SCOPES,
    expires_at: datetime | None = None,
) -> ApiKey:
    """
    Register a key that was generated elsewhere.

    Raises:
        ApiKeyInvalid: It does not have a key's form.
        ValueError: A scope that does not exist.
    """
    unknown = sorted(set(scopes) - set(ALL_SCOPES))
    if unknown:
        raise ValueError(f"Unknown scopes: {', '.join(unknown)}. Known: {', '.join(ALL_SCOPES)}.")
    return ApiKey.objects.create(
        tenant=tenant,
        name=name,
        prefix=prefix_of(plaintext),
        key_hash=_hash(plaintext),
        scopes=list(scopes),
        expires_at=expires_at,
    )


def prefix_of(plaintext: str) -> str:
    """
    Return the public part of a key.

    Raises:
        ApiKeyInvalid: It does not have a key's form.
    """
    match = _KEY.fullmatch(plaintext)
    if match is None:
        raise ApiKeyInvalid
    return match["prefix"]


def matches(api_key: ApiKey, plaintext: str) -> bool:
    return hmac.compare_digest(api_key.key_hash, _hash(plaintext))


def authenticate_api_key(*, plaintext: str, now: datetime) -> ApiKey:
    """
    Return the key's row, with its tenant, and note that it was used.

    Raises:
        ApiKeyInvalid: It opens nothing.
    """
    prefix = prefix_of(plaintext)
    api_key = ApiKey.objects.across_tenants().select_related("tenant").filter(prefix=prefix).first()
    if api_key is None or not matches(api_key, plaintext):
        raise ApiKeyInvalid
    if not api_key.is_usable(now) or not api_key.tenant.is_active:
        raise ApiKeyInvalid
    _note_use(api_key, now)
    return api_key


def revoke_api_key(*, tenant: Tenant, prefix: str, now: datetime) -> bool:
    """
    End a key for good, and tell whether it was open. Revoking it again changes nothing.

    Raises:
        ApiKeyInvalid: The tenant has no such key.
    """
    keys = ApiKey.objects.for_tenant(tenant).filter(prefix=prefix)
    if not keys.exists():
        raise ApiKeyInvalid
    return keys.filter(revoked_at=None).update(revoked_at=now) > 0


def _note_use(api_key: ApiKey, now: datetime) -> None:
    threshold = now - _USE_RESOLUTION
    if api_key.last_used_at is not None and api_key.last_used_at > threshold:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=threshold)
    ApiKey.objects.for_tenant(api_key.tenant_id).filter(stale, pk=api_key.pk).update(last_used_at=now)


def _hash(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
