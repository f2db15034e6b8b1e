"""What a call may refuse beside what every call may: stated at its view, published in the OpenAPI document."""

from __future__ import annotations

from typing import ClassVar, Protocol


class Refusal(Protocol):
    """An error with a stable public code."""

    code: ClassVar[str]


ERROR_CODES = "x-error-codes"
"""The operation's key in the OpenAPI document while it is generated."""


def refuses(*errors: type[Refusal]) -> dict[str, list[str]]:
    """Return the `extensions` of an operation that may end with these errors."""
    return {ERROR_CODES: sorted({error.code for error in errors})}
