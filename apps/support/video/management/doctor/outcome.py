"""What a look at something found."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is. Only a WARNING leaves the installation healthy."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    DOWN = "down"
    """It did not answer, so nothing more is known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One thing that was looked at. `sentence` says what was seen, `fix` what to do about it."""

    subject: str
    name: str
    verdict: Verdict
    sentence: str
    fix: str = ""


Outcomes = Iterator[Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Makes outcomes about one subject."""

    subject: str

    def judge(self, name: str, is_well: bool, sentence: str, *, fix: str) -> Outcome:
        """Return OK, or a problem with its fix."""
        return self.well(name, sentence) if is_well else self.problem(name, sentence, fix=fix)

    def well(self, name: str, sentence: str) -> Outcome:
        """Return that all is well."""
        return Outcome(subject=self.subject, name=name, verdict=Verdict.OK, sentence=sentence)

    def warning(self, name: str, sentence: str, *, fix: str) -> Outcome:
        """Return that it works, and could bite later."""
        return Outcome(subject=self.subject, name=name, verdict=Verdict.WARNING, sentence=sentence, fix=fix)

    def problem(self, name: str, sentence: str, *, fix: str) -> Outcome:
        """Return that videos will not come through like this."""
        return Outcome(subject=self.subject, name=name, verdict=Verdict.PROBLEM, sentence=sentence, fix=fix)

    def down(self, name: str, sentence: str, *, fix: str) -> Outcome:
        """Return that it did not answer."""
        return Outcome(subject=self.subject, name=name, verdict=Verdict.DOWN, sentence=sentence, fix=fix)
