"""
The playback token: a signed path prefix, so that variants and segments carry it without anyone adding it.

    token = base64url(claims as JSON) "." base64url(HMAC-SHA-256(secret, first part))

An edge can check it with the same secret; `tests/contract/playback_token_vectors.json` binds both.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TypeVar

from .errors import PlaybackTokenInvalid

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackClaims:
    """Who may play what until when. `prefix` is the published attempt's; `expires_at` is in seconds since 1970."""

    tenant_id: int
    video_id: int
    viewer: str
    prefix: str
    expires_at: int


def sign_token(claims: PlaybackClaims, *, secret: str) -> str:
    """Return the token for these claims."""
    fields = {
        "t": claims.tenant_id,
        "v": claims.video_id,
        "u": claims.viewer,
        "p": claims.prefix,
        "e": claims.expires_at,
    }
    payload = _encode(json.dumps(fields, separators=(",", ":"), sort_keys=True).encode())
    return f"{payload}.{_signature(payload, secret)}"


def read_token(token: str, *, secret: str, now_seconds: float) -> PlaybackClaims:
    """
    Check a token and return its claims.

    Raises:
        PlaybackTokenInvalid: Malformed, forged or expired.
    """
    payload, dot, signature = token.partition(".")
    if not dot or not hmac.compare_digest(signature.encode(), _signature(payload, secret).encode()):
        raise PlaybackTokenInvalid(reason="signature")
    try:
        fields = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        claims = PlaybackClaims(
            tenant_id=_typed(fields["t"], int),
            video_id=_typed(fields["v"], int),
            viewer=_typed(fields["u"], str),
            prefix=_typed(fields["p"], str),
            expires_at=_typed(fields["e"], int),
        )
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise PlaybackTokenInvalid(reason="malformed") from error
    if claims.expires_at <= now_seconds:
        raise PlaybackTokenInvalid(reason="expired")
    return claims


def _typed(value: object, kind: type[Value]) -> Value:
    # Not isinstance: a truth value is no number here.
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _signature(payload: str, secret: str) -> str:
    return _encode(hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
