"""What the reconciler remembers from one round to the next: counts for people, and where to go on."""

from datetime import datetime

from django.db.models import F

from ..models import InvariantRound


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
