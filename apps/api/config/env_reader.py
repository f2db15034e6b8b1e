"""Reads typed values from environment variables and remembers every problem instead of stopping at the first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit


class EnvReader:
    """
    Typed access to a mapping of variables.

    A bad or missing variable is noted in `problems` and read as a harmless placeholder, so that reading goes on;
    whoever uses the values must look at `problems` first. Messages never repeat the value: it may be a secret.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def refuse(self, name: str, problem: str) -> None:
        self.problems.append(f"{name} {problem}")

    def optional(self, name: str) -> str | None:
        """Return the value, or None when it is unset or blank."""
        return self._variables.get(name, "").strip() or None

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self.optional(name)
        if value is not None:
            return value
        if default is None:
            self.refuse(name, "is required")
        return default or ""

    def secret(self, name: str, *, min_length: int) -> str:
        value = self.text(name)
        if value and len(value) < min_length:
            self.refuse(name, f"is too short: {len(value)} characters, at least {min_length} are needed")
        return value

    def names(self, name: str, *, default: str) -> list[str]:
        """Return a comma-separated list."""
        return [part.strip() for part in self.text(name, default=default).split(",") if part.strip()]

    def choice(self, name: str, *, default: str, choices: Sequence[str]) -> str:
        given = self.text(name, default=default)
        for allowed in choices:
            if given.lower() == allowed.lower():
                return allowed
        self.refuse(name, f"must be one of {', '.join(choices)}")
        return default

    def integer(self, name: str, *, default: int) -> int:
        """Return a whole number above zero."""
        given = self.optional(name)
        if given is None:
            return default
        if not given.isascii() or not given.isdigit() or len(given) > 18 or int(given) < 1:
            self.refuse(name, "must be a whole number above zero")
            return default
        return int(given)

    def optional_integer(self, name: str) -> int | None:
        """Return a whole number above zero, or None when it is unset."""
        return None if self.optional(name) is None else self.integer(name, default=1)

    def number(self, name: str, *, default: float) -> float:
        """Return a finite number above zero."""
        given = self.optional(name)
        if given is None:
            return default
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value <= 0:
            self.refuse(name, "must be a number above zero")
            return default
        return value

    def url(self, name: str, *, schemes: Sequence[str] = ("http", "https")) -> str:
        """Return a required URL; an empty string stands for a refused one."""
        return self._checked_url(name, self.text(name), schemes)

    def optional_url(self, name: str) -> str | None:
        return self._checked_url(name, self.optional(name) or "", ("http", "https")).rstrip("/") or None

    def origin(self, name: str) -> str:
        """Return a required origin: scheme, host and port, without a path."""
        return self._checked_origin(name, self.url(name))

    def origins(self, name: str) -> list[str]:
        """Return a comma-separated list of origins; empty when it is unset."""
        checked = (self._checked_url(name, origin, ("http", "https")) for origin in self.names(name, default=""))
        return [self._checked_origin(name, origin) for origin in checked]

    def _checked_origin(self, name: str, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.path.strip("/") or parts.query or parts.fragment or parts.username):
            self.refuse(name, "must be an origin without a path, like https://video.example.com")
            return ""
        return f"{parts.scheme}://{parts.netloc}" if value else ""

    def _checked_url(self, name: str, value: str, schemes: Sequence[str]) -> str:
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            self.refuse(name, f"must be a URL that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}")
            return ""
        return value
