"""
Secrets and signatures after the Standard Webhooks specification.

A secret is not stored: it is derived from the installation's key and a random salt of the endpoint, so that a copy of
the database signs nothing. A check value beside the salt tells whether the key is still the one of then.

Source:
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    https://www.rfc-editor.org/rfc/rfc5869 (one block of HKDF's expansion)
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105 - says of a text that it is a secret
SALT_BYTES = 32


class SecretLost(Exception):
    """The installation's key is another one than when the secret was made; its receiver could verify nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRecipe:
    """What is stored of a secret. Both are hexadecimal."""

    salt: str
    check: str


def make_recipe(*, key: str) -> SecretRecipe:
    """Return the recipe of a fresh secret."""
    salt = secrets.token_hex(SALT_BYTES)
    return SecretRecipe(salt=salt, check=_check(_derive(key, salt)))


def secret_of(recipe: SecretRecipe, *, key: str) -> bytes:
    """
    Return the secret.

    Raises:
        SecretLost: The key has changed.
    """
    secret = _derive(key, recipe.salt)
    if not hmac.compare_digest(_check(secret), recipe.check):
        raise SecretLost
    return secret


def secret_text(secret: bytes) -> str:
    """Return the secret as its receiver configures it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signed_headers(*, message_id: str, at: datetime, body: bytes, secrets: Iterable[bytes]) -> dict[str, str]:
    """
    Return the three headers. The signature has one part for each secret; any of them is enough for a receiver.

    Args:
        message_id: The same for every attempt. Has no full stop, which separates what is signed.
        at: Time of the attempt. Receivers refuse what is older than some minutes.
    """
    timestamp = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = (base64.b64encode(hmac.digest(secret, content, "sha256")).decode() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _derive(key: str, salt: str) -> bytes:
    return hmac.digest(key.encode(), b"academy-video webhook secret\x00" + bytes.fromhex(salt) + b"\x01", "sha256")


def _check(secret: bytes) -> str:
    return hashlib.sha256(b"check\x00" + secret).hexdigest()[:16]
