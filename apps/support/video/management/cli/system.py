"""The whole line: findings, reconcile, outbox."""

from argparse import Namespace

from django.utils import timezone

from apps.support.outbox.models import OutboxMessage

from ...recovery.inspection import UnknownInvariant, chosen, find_all, finding_row
from ...recovery.invariant import Invariant
from ...recovery.reconciler import run_once
from ...recovery.wired import wired_world
from .output import Answer, ExitCode, UsageError


def findings(options: Namespace) -> Answer:
    """List where invariants do not hold. Changes nothing."""
    found = [
        finding_row(finding) for finding in find_all(wired_world(), invariants=_chosen(options), limit=options.limit)
    ]
    note = "" if found else "every invariant holds"
    return Answer(rows=found, exit_code=ExitCode.FINDINGS if found else ExitCode.HEALTHY, note=note)


def reconcile(options: Namespace) -> Answer:
    """Run one round of the reconciler; without --apply only list what it would repair."""
    if not options.apply:
        answer = findings(options)
        return Answer(
            rows=answer.rows, exit_code=answer.exit_code, note="nothing was changed; add --apply to repair these"
        )
    reports = run_once(wired_world(), invariants=_chosen(options))
    rows = [{"invariant": report.code, "found": report.found, "repaired": report.repaired} for report in reports]
    unrepaired = any(report.found > report.repaired for report in reports)
    return Answer(rows=rows, exit_code=ExitCode.FINDINGS if unrepaired else ExitCode.HEALTHY)


def outbox(options: Namespace) -> Answer:
    """List unsent messages, oldest first. One that is unsent for over a minute is a finding."""
    now = timezone.now()
    unsent = OutboxMessage.objects.filter(sent_at=None).order_by("id")[: options.limit]
    rows = [
        {
            "id": message.pk,
            "subject": message.subject,
            "group_id": message.group_id,
            "age_seconds": (now - message.created_at).total_seconds(),
            "due_at": message.due_at,
            "tries": message.attempt_count,
            "last_error": message.last_error or None,
        }
        for message in unsent
    ]
    late = any(message.due_at < now and (now - message.created_at).total_seconds() > 60 for message in unsent)
    note = "" if rows else "nothing waits to be sent"
    return Answer(rows=rows, exit_code=ExitCode.FINDINGS if late else ExitCode.HEALTHY, note=note)


def _chosen(options: Namespace) -> list[Invariant]:
    try:
        return chosen(options.only)
    except UnknownInvariant as error:
        raise UsageError(str(error)) from error
