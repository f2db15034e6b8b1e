"""How often the reconciler does what need not be done every round."""

from collections.abc import Mapping
from datetime import datetime, timedelta


class Pace:
    """
    Remembers when something was last due in this process.

    Args:
        period_seconds: By name. What is not named is due every time.
    """

    def __init__(self, period_seconds: Mapping[str, float]) -> None:
        self._period_seconds = period_seconds
        self._next: dict[str, datetime] = {}

    def is_due(self, name: str, *, now: datetime) -> bool:
        """Tell whether it is time, and if so wait for the next period from now on. The first time is always due."""
        if now < self._next.get(name, now):
            return False
        self._next[name] = now + timedelta(seconds=self._period_seconds.get(name, 0.0))
        return True
