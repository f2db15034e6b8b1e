"""Everything that can go wrong, on one screen."""

from typing import Any


class ClientError(Exception):
    """An upload could not be finished. The text says why; `hint` what to do."""

    hint = ""


class Refused(ClientError):
    """
    The server refused a call.

    Attributes:
        status_code: Of the answer.
        code: Stable; decide by this one.
        body: The whole answer, with the code's further fields.
    """

    def __init__(self, *, status_code: int, body: dict[str, Any]) -> None:
        self.status_code = status_code
        self.body = body
        self.code = str(body.get("code", "unknown"))
        self.detail = str(body.get("detail") or f"the server answered {status_code}")
        self.hint = str(body.get("hint", ""))
        super().__init__(self.detail)


class NotPermitted(Refused):
    """The key is missing, unknown, or may not write."""


class Unavailable(ClientError):
    """Server or storage did not answer, however often it was asked."""

    hint = "Run the same command again: it goes on where it stopped."


class FileUnreadable(ClientError):
    """The file is not there, is empty, or cannot be read."""


class FileChanged(ClientError):
    """The file changed while it was sent."""

    hint = "Wait until nothing writes to it any more, and upload it again."


class Busy(ClientError):
    """Another process is uploading this file."""

    hint = "Let it finish, or stop it."


class PartsGone(ClientError):
    """Storage does not know the upload any more."""


class TooOld(ClientError):
    """The server asks for something that this client does not know."""

    hint = "Install the client again, in the server's version."


class Interrupted(ClientError):
    """Somebody pressed Ctrl-C."""

    hint = "Run the same command again: it goes on where it stopped."
