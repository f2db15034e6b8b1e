"""The installation's own passwords and keys: made once, then only read."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import asdict, dataclass, fields

from apps.standalone.errors import Misconfigured
from apps.standalone.paths import Home, write_private

_KEY_PREFIX_LETTERS = string.ascii_lowercase + string.digits
_KEY_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything secret of one installation. Never log it."""

    database_password: str
    aws_access_key_id: str
    aws_secret_access_key: str
    secret_key: str
    playback_secret: str
    web_user: str
    web_password: str
    api_key: str


def load_or_create_credentials(home: Home) -> Credentials:
    """
    Read `secrets.json`, or make it at the first start.

    Raises:
        Misconfigured: It is unreadable, or it is gone although there are data that only it opens.
    """
    path = home.credentials_file
    if path.exists():
        return _read(home)
    if (home.postgres_folder / "data").exists():
        raise Misconfigured(
            f"{path} is missing, but {home.postgres_folder} holds a database whose password was in it. "
            f"Put the file back from a backup, or remove {home.root} to begin with nothing."
        )
    fresh = generate_credentials()
    write_private(path, json.dumps(asdict(fresh), indent=2) + "\n")
    return fresh


def generate_credentials() -> Credentials:
    """Make a fresh set."""
    prefix = _letters(_KEY_PREFIX_LETTERS, 8)
    return Credentials(
        database_password=secrets.token_urlsafe(24),
        aws_access_key_id="AKIA" + _letters(string.ascii_uppercase + "234567", 16),
        aws_secret_access_key=_letters(_KEY_LETTERS, 40),
        secret_key=secrets.token_urlsafe(48),
        playback_secret=secrets.token_urlsafe(48),
        web_user="demo",
        web_password="-".join(_letters(string.ascii_lowercase + "23456789", 4) for _ in range(4)),
        api_key=f"avk_{prefix}_{_letters(_KEY_LETTERS, 43)}",
    )


def _letters(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _read(home: Home) -> Credentials:
    path = home.credentials_file
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        names = [field.name for field in fields(Credentials)]
        return Credentials(**{name: str(stored[name]) for name in names})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"{path} cannot be read ({type(error).__name__}: {error}). Put it back from a backup, "
            f"or remove {home.root} to begin with nothing."
        ) from error
