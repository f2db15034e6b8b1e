"""What the queue gave up on: dlq list, redrive, purge."""

from argparse import Namespace

from django.conf import settings

from ... import wiring
from ...domain.dead_letters import KEPT
from ...models import DeadLetter
from ...services.dead_letters import purge_dead_letter, redrive_dead_letter
from .output import Answer, ExitCode, UsageError

LONGEST_BODY = 200


def dlq_list(options: Namespace) -> Answer:
    """List messages that are kept for a person, oldest first; with --all also what became of others."""
    letters = DeadLetter.objects.order_by("id")
    if not options.all:
        letters = letters.filter(state__in=sorted(KEPT))
    rows = [_row(letter) for letter in letters[: options.limit]]
    waiting = wiring.fast_queue().depth(queue_name=settings.VIDEO_SQS_DLQ_NAME).visible
    needs_somebody = waiting > 0 or any(row["state"] in KEPT for row in rows)
    note = f"{waiting} more wait in the queue for the reconciler" if waiting else ""
    return Answer(
        rows=rows,
        exit_code=ExitCode.FINDINGS if needs_somebody else ExitCode.HEALTHY,
        note=note or ("" if rows else "no message is kept"),
    )


def dlq_redrive(options: Namespace) -> Answer:
    """Send kept messages to the job queue again; without --apply only say which."""
    letters = _chosen(options)
    now = wiring.shared_clock().now()
    done = [options.apply and redrive_dead_letter(letter_id=letter.pk, now=now) for letter in letters]
    return _answer(letters, done, action="redrive", apply=options.apply)


def dlq_purge(options: Namespace) -> Answer:
    """Forget kept messages for good; without --apply only say which."""
    letters = _chosen(options)
    done = [options.apply and purge_dead_letter(letter_id=letter.pk) for letter in letters]
    return _answer(letters, done, action="purge", apply=options.apply)


def _chosen(options: Namespace) -> list[DeadLetter]:
    if bool(options.ids) is options.all:
        raise UsageError("name the messages by id, or all with --all")
    kept = DeadLetter.objects.filter(state__in=sorted(KEPT)).order_by("id")
    if options.all:
        return list(kept[: options.limit])
    chosen = {letter.pk: letter for letter in kept.filter(pk__in=options.ids)}
    if missing := sorted(set(options.ids) - set(chosen)):
        raise UsageError(f"no message is kept as {', '.join(map(str, missing))}")
    return [chosen[letter_id] for letter_id in options.ids]


def _answer(letters: list[DeadLetter], done: list[bool], *, action: str, apply: bool) -> Answer:
    rows = [
        {"id": letter.pk, "action": action, "applied": applied, "state": letter.state}
        for letter, applied in zip(letters, done, strict=True)
    ]
    return Answer(
        rows=rows,
        exit_code=ExitCode.HEALTHY if all(done) or not apply else ExitCode.FINDINGS,
        note="" if apply else "nothing was changed; add --apply to do it",
    )


def _row(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.pk,
        "state": letter.state,
        "taken_at": letter.taken_at,
        "receive_count": letter.receive_count,
        "tenant_id": letter.tenant_id,
        "video_id": letter.video_id,
        "job_id": str(letter.job_id) if letter.job_id else None,
        "detail": letter.detail or None,
        "body": letter.body[:LONGEST_BODY],
    }
