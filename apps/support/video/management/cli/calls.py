"""What commands of several calls have in common: each call is a function of its options that returns an `Answer`."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from .output import Answer, ExitCode, UsageError, print_answer


class CallParser(ArgumentParser):
    """The plain parser: Django's own would turn usage errors into a traceback when called from code."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("called_from_command_line", None)
        super().__init__(**kwargs)


class CallsCommand(BaseCommand):
    """Runs the call that was chosen, prints its answer, and exits with its code."""

    name: ClassVar[str]
    exit_codes: ClassVar[Mapping[type[Exception], ExitCode]] = {
        UsageError: ExitCode.USAGE,
        DatabaseError: ExitCode.DEPENDENCY_DOWN,
    }
    """What a call may raise. The first class that an error belongs to counts."""

    def handle(self, **options: Any) -> None:
        """Never return: a script learns from the exit code."""
        given = Namespace(**options)
        try:
            answer: Answer = given.run(given)
        except tuple(self.exit_codes) as error:
            self.stderr.write(f"{self.name}: {error}")
            sys.exit(next(code for kind, code in self.exit_codes.items() if isinstance(error, kind)))
        print_answer(answer, as_json=given.json)
        sys.exit(answer.exit_code)


def add_calls(parser: ArgumentParser, *, dest: str = "call") -> Any:
    """Let a parser have calls, one of which must be chosen."""
    return parser.add_subparsers(dest=dest, required=True, metavar="CALL", parser_class=CallParser)


def add_call(calls: Any, name: str, run: Callable[[Namespace], Answer]) -> ArgumentParser:
    """Add a call, whose help is the first line of its function."""
    call: ArgumentParser = calls.add_parser(name, help=(run.__doc__ or "").splitlines()[0])
    call.add_argument("--json", action="store_true", help="one JSON document: {rows, exit_code}")
    call.set_defaults(run=run)
    return call


def add_apply(call: ArgumentParser) -> None:
    """Let a call write, when it is told to."""
    call.add_argument("--apply", action="store_true", help="do it; without this nothing is changed")
