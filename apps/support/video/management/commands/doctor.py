"""`manage.py doctor`: does everything that this installation is configured to use really work?"""

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ..cli.output import Answer, ExitCode, print_answer
from ..doctor.database import examine_database
from ..doctor.examinations import Examination, registered_examinations
from ..doctor.media import examine_media
from ..doctor.outcome import Outcome, Verdict
from ..doctor.queue import examine_queue
from ..doctor.storage import examine_storage
from ..doctor.web import examine_web

EXAMINATIONS: dict[str, Examination] = {
    "database": examine_database,
    "storage": examine_storage,
    "queue": examine_queue,
    "media": examine_media,
    "web": examine_web,
}
MARKS = {Verdict.OK: "ok      ", Verdict.WARNING: "warning ", Verdict.PROBLEM: "PROBLEM ", Verdict.DOWN: "DOWN    "}


class Command(BaseCommand):
    help = (
        "Try everything that is configured, with real round trips. "
        "Exit: 0 healthy, 1 problems, 69 something is down, 78 configuration."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--only", nargs="+", choices=sorted(_examinations()), help="these parts only")
        parser.add_argument("--json", action="store_true", help="one JSON document: {rows, exit_code}")

    def handle(self, **options: Any) -> None:
        """Examine, print as it goes, and exit with what it means."""
        outcomes: list[Outcome] = []
        for name, examine in _examinations().items():
            if options["only"] and name not in options["only"]:
                continue
            for outcome in examine():
                outcomes.append(outcome)
                if not options["json"]:
                    self._print(outcome)
        code = exit_code(outcomes)
        if options["json"]:
            print_answer(Answer(rows=[asdict(outcome) for outcome in outcomes], exit_code=code), as_json=True)
        sys.exit(code)

    def _print(self, outcome: Outcome) -> None:
        self.stdout.write(f"{MARKS[outcome.verdict]} {outcome.subject}: {outcome.name}: {outcome.sentence}")
        if outcome.fix:
            self.stdout.write(f"           -> {outcome.fix}")


def _examinations() -> dict[str, Examination]:
    return {**EXAMINATIONS, **registered_examinations()}


def exit_code(outcomes: list[Outcome]) -> ExitCode:
    """Return what a shell learns: what is down outweighs what is wrong, and a warning is neither."""
    verdicts = {outcome.verdict for outcome in outcomes}
    if Verdict.DOWN in verdicts:
        return ExitCode.DEPENDENCY_DOWN
    return ExitCode.FINDINGS if Verdict.PROBLEM in verdicts else ExitCode.HEALTHY
