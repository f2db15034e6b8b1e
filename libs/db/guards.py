"""Guards for the rule that network, disk and subprocess never run under an open transaction."""

from __future__ import annotations

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


class TransactionGuardError(RuntimeError):
    """Code ran on the wrong side of a transaction's border. This is a bug in the caller."""


def assert_no_transaction() -> None:
    """
    Refuse to go on while this thread holds an open transaction on any database.

    Raises:
        TransactionGuardError: A transaction is open; leave it before you call the outside world.
    """
    for connection in connections.all(initialized_only=True):
        if _open_transactions(connection):
            raise TransactionGuardError(
                f"A transaction is open on {connection.alias!r}. "
                "Commit first: the outside world is slow, and what it did cannot be rolled back."
            )


def assert_in_transaction(*, using: str = "default") -> None:
    """
    Refuse to go on unless this thread holds an open transaction.

    Raises:
        TransactionGuardError: No transaction is open; the caller's rows would not commit together.
    """
    if not _open_transactions(connections[using]):
        raise TransactionGuardError(
            f"No transaction is open on {using!r}. Wrap the call in transaction.atomic(): "
            "these rows are true only together."
        )


def _open_transactions(connection: BaseDatabaseWrapper) -> int:
    # A test case wraps each test in a transaction of its own to roll it back; Django marks those, and the code
    # under test has not opened them.
    return sum(1 for block in connection.atomic_blocks if not getattr(block, "_from_testcase", False))
