"""What the reconciler remembers from one round to the next: counts for people, and where to go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ..models import InvariantRound

_WINDOW_END = """
    SELECT max(id), count(*) FROM (SELECT id FROM video WHERE id > %s ORDER BY id LIMIT %s) AS videos
"""
# One statement each: the reconciler writes a row for every invariant in every round.
_RECORD = """
    INSERT INTO video_invariant_round AS known
        (code, cursor, ran_at, found, repaired, found_total, repaired_total, repaired_at)
    VALUES (%(code)s, '', %(now)s, %(found)s, %(repaired)s, %(found)s, %(repaired)s,
            CASE WHEN %(repaired)s > 0 THEN %(now)s::timestamptz END)
    ON CONFLICT (code) DO UPDATE SET
        ran_at = excluded.ran_at, found = excluded.found, repaired = excluded.repaired,
        found_total = known.found_total + excluded.found, repaired_total = known.repaired_total + excluded.repaired,
        repaired_at = coalesce(excluded.repaired_at, known.repaired_at)
"""
_MOVE = """
    INSERT INTO video_invariant_round AS known
        (code, cursor, pass_started_at, pass_finished_at, found, repaired, found_total, repaired_total)
    VALUES (%(code)s, %(to)s, %(now)s, CASE WHEN %(to)s = '' THEN %(now)s::timestamptz END, 0, 0, 0, 0)
    ON CONFLICT (code) DO UPDATE SET
        cursor = excluded.cursor,
        pass_started_at = CASE WHEN known.cursor = '' OR known.pass_started_at IS NULL
            THEN excluded.pass_started_at ELSE known.pass_started_at END,
        pass_finished_at = coalesce(excluded.pass_finished_at, known.pass_finished_at)
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
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, {"code": code, "found": found, "repaired": repaired, "now": now})


def cursor_of(name: str) -> str:
    """Return where a pass over everything goes on; empty at its start."""
    return InvariantRound.objects.filter(code=name).values_list("cursor", flat=True).first() or ""


def move_cursor(name: str, *, to: str, now: datetime) -> None:
    """Remember where a pass goes on, or with an empty `to` that it has come to its end."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, {"code": name, "to": to, "now": now})
