"""Takes credentials out of log lines."""

from __future__ import annotations

import re
from collections.abc import Callable

from structlog.typing import EventDict

REDACTED = "[redacted]"

_SECRET_NAMES = re.compile(
    r"password|passwd|secret|authorization|cookie|api_?key$|access_?key|signature|(?:^|_)token$", re.IGNORECASE
)

# A value ends where JSON, a URL or a shell would end it; the backslash keeps escaped quotes intact.
_VALUE = r"[^&\s\"'\\<>]+"

_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(rf"(X-Amz-(?:Signature|Credential|Security-Token)=){_VALUE}", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(rf"((?:[?&])(?:Signature|AWSAccessKeyId|Key-Pair-Id|Policy|token)=){_VALUE}"), rf"\1{REDACTED}"),
    (re.compile(r"(avk_[a-z0-9]{1,8})_[A-Za-z0-9_-]+"), rf"\1_{REDACTED}"),
    (re.compile(r"(Bearer\s+)(?!avk_)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"(/playback/)[^/\s\"'\\?]+"), rf"\1{REDACTED}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^:/@\s\"'\\]*:)[^@/\s\"'\\]+(@)", re.IGNORECASE), rf"\1{REDACTED}\2"),
)


# Each rule needs one of these, in lower case. Nearly every line has none, and looking costs a tenth of the rules.
_MARKS = (
    "x-amz-",
    "signature=",
    "awsaccesskeyid=",
    "key-pair-id=",
    "policy=",
    "token=",
    "avk_",
    "bearer",
    "/playback/",
    "://",
)


def redact_text(text: str) -> str:
    """Return `text` without signatures, bearer keys, playback tokens and passwords in URLs."""
    lowered = text.lower()
    if not any(mark in lowered for mark in _MARKS):
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_secret_fields(_logger: object, _method: str, event_dict: EventDict) -> EventDict:
    """Blank every field whose name says that it is a secret (structlog processor)."""
    for name, value in event_dict.items():
        if isinstance(value, str) and _SECRET_NAMES.search(name):
            event_dict[name] = REDACTED
    return event_dict
