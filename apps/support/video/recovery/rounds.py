"""What the reconciler remembers from one round to the next: counts for people, and where to go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F

from ..models import InvariantRound

_WINDOW_END = """
    SELECT max(id), count(*) FROM (SELECT id FROM video WHERE id > %s ORDER BY id LIMIT %s) AS videos
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoWindow:
    """The videos that a pass over all of them looks at next: ids above `after`, and `until` at most."""

    after: int
    until: int
    is_last: bool

    def cursor_behind(self, found: Sequence[int], *, limit: int) -> str:
        """Return where the pass goes on when these ids were found, in order, by a look that stops at `limit`."""
        if found and len(found) >= limit:
            return str(found[-1])
        return "" if self.is_last else str(self.until)


def next_window(name: str, *, size: int) -> VideoWindow:
    """Return the next window of a pass, as its cursor says."""
    after = int(cursor_of(name) or 0)
    with connection.cursor() as cursor:
        cursor.execute(_WINDOW_END, [after, size])
        until, count = cursor.fetchone()
    return VideoWindow(after=after, until=until or after, is_last=count < size)


def record_round(*, code: str, found: int, repaired: int, now: datetime) -> None:
    """Count what a round has found and repaired."""
    InvariantRound.objects.get_or_create(code=code)
    counts = {"ran_at": now, "found": found, "repaired": repaired}
    if found:
        counts |= {"found_total": F("found_total") + found, "repaired_total": F("repaired_total") + repaired}
    if repaired:
        counts["repaired_at"] = now
    InvariantRound.objects.filter(code=code).update(**counts)


def cursor_of(name: str) -> str:
    """Return where a pass over everything goes on; empty at its start."""
    return InvariantRound.objects.filter(code=name).values_list("cursor", flat=True).first() or ""


def move_cursor(name: str, *, to: str, now: datetime) -> None:
    """Remember where a pass goes on, or with an empty `to` that it has come to its end."""
    row, _created = InvariantRound.objects.get_or_create(code=name)
    if row.cursor == "" or row.pass_started_at is None:
        row.pass_started_at = now
    if to == "":
        row.pass_finished_at = now
    row.cursor = to
    row.save(update_fields=["cursor", "pass_started_at", "pass_finished_at"])
