"""Secrets that have got into a log. Every installation of the test session is looked through when it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from apps.standalone.credentials import Credentials

# Ids that are no secret by themselves: they name a key, as a username names a person.
PUBLIC_NAMES = frozenset({"aws_access_key_id", "web_user"})

_SHAPES: Mapping[str, re.Pattern[str]] = {
    "presigned signature": re.compile(r"X-Amz-Signature=[0-9a-fA-F]{8}", re.IGNORECASE),
    "presigned credential": re.compile(r"X-Amz-Credential=[A-Z0-9]{8}", re.IGNORECASE),
    "authorization header": re.compile(r"AWS4-HMAC-SHA256 Credential=|Bearer [\w.~+/-]{16}"),
    "playback token": re.compile(r"/playback/[A-Za-z0-9_-]{20}"),
    "API key": re.compile(r"avk_[a-z0-9]{8}_[A-Za-z0-9_-]{8}"),
    "webhook secret": re.compile(r"whsec_[A-Za-z0-9+/]{8}"),
    "cookie": re.compile(r"(?:academy_session|csrftoken)=[A-Za-z0-9]{8}"),
}


def secrets_of(credentials: Credentials) -> dict[str, str]:
    """Return what must be in no log, by its name."""
    return {name: value for name, value in asdict(credentials).items() if name not in PUBLIC_NAMES}


def stored_secrets(credentials_file: Path) -> dict[str, str]:
    """Return an installation's secrets; none if it has not come so far as to make them."""
    if not credentials_file.exists():
        return {}
    stored: dict[str, str] = json.loads(credentials_file.read_text(encoding="utf-8"))
    return {name: value for name, value in stored.items() if name not in PUBLIC_NAMES}


def leaks_in(folder: Path, secrets: Mapping[str, str]) -> list[str]:
    """Return where in a folder's logs a secret stands. It is named and not repeated."""
    return [
        f"{path.name}:{number}: {name}"
        for path in sorted(folder.glob("*.log*"))
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        for name in _leaks_of_line(line, secrets)
    ]


def _leaks_of_line(line: str, secrets: Mapping[str, str]) -> Iterator[str]:
    yield from (name for name, value in secrets.items() if value in line)
    yield from (name for name, shape in _SHAPES.items() if shape.search(line))
