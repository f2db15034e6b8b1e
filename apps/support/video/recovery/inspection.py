"""Looking at invariants on demand: what the command line, the API and the reconciler share."""

from collections.abc import Iterable, Sequence

from .invariant import Finding, Invariant, World
from .reconciler import INVARIANTS


class UnknownInvariant(ValueError):
    """There is no invariant of this code."""


def chosen(codes: Iterable[str] | None) -> list[Invariant]:
    """
    Return the invariants of these codes, or all of them.

    Raises:
        UnknownInvariant: There is none of one of the codes.
    """
    known = {invariant.code: invariant for invariant in INVARIANTS}
    wanted = list(codes or known)
    if unknown := sorted(set(wanted) - set(known)):
        raise UnknownInvariant(f"no invariant {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[code] for code in wanted]


def find_all(world: World, *, invariants: Sequence[Invariant], limit: int) -> list[Finding]:
    """
    Return at most `limit` findings of each invariant. Changes nothing.

    Raises:
        VideoError, QueueUnavailable: The world did not let us look.
    """
    return [finding for invariant in invariants for finding in invariant.find(world, limit=limit)]


def finding_row(finding: Finding) -> dict[str, object]:
    """Return a finding as it is shown."""
    return {
        "invariant": finding.invariant,
        "subject": finding.subject,
        "tenant_id": finding.tenant_id,
        "video_id": finding.video_id,
        "detail": finding.detail,
    }
