"""V08: what the queue gave up on."""

from django.conf import settings

from ..domain.dead_letters import LetterState
from ..domain.errors import TransitionRefused
from ..models import DeadLetter
from ..services.dead_letters import settle_dead_letter, take_dead_letters
from .invariant import ACTOR, Finding, Severity, World

TAKEN_AT_ONCE = 100


class DeadLettersAreSettled:
    """V08: the dead-letter queue is an alarm, and nothing is lost with what it forgets."""

    code = "V08"
    severity = Severity.WARNING
    runbook = "v08.md"
    sentence = "A message that the queue gave up on is of a settled job, or is kept for a person with its reason."

    def find(self, world: World, *, limit: int) -> list[Finding]:
        """Find letters that are not settled, and ask the queue whether there are more."""
        letters = DeadLetter.objects.filter(state=LetterState.OPEN).order_by("id")[:limit]
        found = [_letter_finding(letter) for letter in letters]
        waiting = world.dead_letters.depth(queue_name=settings.VIDEO_SQS_DLQ_NAME).visible
        return [*found, *([_queue_finding(waiting)] if waiting else [])][:limit]

    def repair(self, world: World, finding: Finding) -> None:
        """Settle the letter, or take over and settle what waits in the queue."""
        now = world.clock.now()
        if finding.facts.get("letter_id"):
            _settle_open(int(finding.subject), world=world)
            return
        take_dead_letters(queue=world.dead_letters, clock=world.clock, limit=TAKEN_AT_ONCE)
        taken = DeadLetter.objects.filter(state=LetterState.OPEN).order_by("id")[:TAKEN_AT_ONCE]
        for letter in list(taken):
            settle_dead_letter(letter_id=letter.pk, actor=ACTOR, now=now)


def _settle_open(letter_id: int, *, world: World) -> None:
    if not DeadLetter.objects.filter(pk=letter_id, state=LetterState.OPEN).exists():
        raise TransitionRefused(f"dead letter {letter_id} is settled")
    settle_dead_letter(letter_id=letter_id, actor=ACTOR, now=world.clock.now())


def _letter_finding(letter: DeadLetter) -> Finding:
    return Finding(
        invariant=DeadLettersAreSettled.code,
        subject=str(letter.pk),
        tenant_id=letter.tenant_id or 0,
        video_id=letter.video_id or 0,
        detail=f"a message of job {letter.job_id} was received {letter.receive_count} times in vain",
        facts={"letter_id": letter.pk},
    )


def _queue_finding(waiting: int) -> Finding:
    return Finding(
        invariant=DeadLettersAreSettled.code,
        subject=settings.VIDEO_SQS_DLQ_NAME,
        tenant_id=0,
        video_id=0,
        detail=f"about {waiting} messages wait in the dead-letter queue",
    )
