"""What core refuses. HTTP statuses are chosen in `apps.api.exception_handler`, texts are in `apps.core.messages`."""

from __future__ import annotations

from typing import ClassVar


class CoreError(Exception):
    """Core refused a request."""

    code: ClassVar[str]

    def __init__(self, *, retry_after_seconds: int | None = None, **params: object) -> None:
        self.retry_after_seconds = retry_after_seconds
        self.params = params
        super().__init__(self.code)


class InvalidCredentials(CoreError):
    """No user signs in with this name and password. Which of the two is wrong is not said."""

    code = "invalid_credentials"


class CsrfFailed(CoreError):
    """A session's write came without the CSRF token of the page that it should have come from."""

    code = "csrf_failed"


class AccessDenied(CoreError):
    """The caller is known, and may not do this."""

    code = "permission_denied"


class CoreNotFound(CoreError):
    """The tenant has no such thing. Another tenant's does not exist."""

    code = "not_found"


class LastOwner(CoreError):
    """The tenant would be left without an owner, and nobody could make another."""

    code = "last_owner"


class UsernameTaken(CoreError):
    """There is a user of this name."""

    code = "username_taken"


class IdempotencyKeyInvalid(CoreError):
    """The Idempotency-Key header is empty, too long or has characters that do not print."""

    code = "invalid_idempotency_key"


class IdempotencyKeyReused(CoreError):
    """The key was used for a call with another body."""

    code = "idempotency_key_reused"


class IdempotencyInProgress(CoreError):
    """The first call with this key is still at work. The same call may be repeated."""

    code = "idempotency_in_progress"
