"""`manage.py video ...`: the operator's command line."""

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from libs.queue.client import QueueUnavailable
from libs.s3_client.client import StorageError

from ...domain.errors import InvalidStatus, StorageUnavailable, VideoError
from ..cli import causes, dead_letters, system, videos
from ..cli.output import Answer, ExitCode, UsageError, print_answer


class Command(BaseCommand):
    help = (
        "Look at videos and repair them. Writes need --apply. Exit: 0 healthy, 1 findings, 2 usage, 69 dependency down."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the calls."""
        calls = parser.add_subparsers(dest="call", required=True, metavar="CALL", parser_class=_Parser)
        for name, run in (("status", videos.status), ("why", videos.why)):
            call = _call(calls, name, run)
            call.add_argument("video_id", type=int)
            call.add_argument("--language", choices=("ko", "en"), default="ko", help="of the sentences")
        _call(calls, "timeline", videos.timeline).add_argument("video_id", type=int)
        for name, run in (("retry", videos.retry), ("cancel", videos.cancel)):
            call = _call(calls, name, run)
            call.add_argument("video_id", type=int)
            if name == "retry":
                call.add_argument("--force", action="store_true", help="cancel the active job first")
            _writes(call)
        for name, run in (("findings", system.findings), ("reconcile", system.reconcile)):
            call = _call(calls, name, run)
            call.add_argument("--only", nargs="+", metavar="V0n", help="these invariants only")
            call.add_argument("--limit", type=int, default=100, help="at most so many findings per invariant")
            if name == "reconcile":
                _writes(call)
        _call(calls, "causes", causes.causes).add_argument("--markdown", action="store_true", help="the reference page")
        _call(calls, "outbox", system.outbox).add_argument("--limit", type=int, default=100)
        _add_dlq(calls)

    def handle(self, **options: Any) -> None:
        """Run the call, print its answer, and exit with its code."""
        given = Namespace(**options)
        try:
            answer: Answer = given.run(given)
        except (UsageError, InvalidStatus) as error:
            self._end(ExitCode.USAGE, error)
        except (DatabaseError, QueueUnavailable, StorageError, StorageUnavailable) as error:
            self._end(ExitCode.DEPENDENCY_DOWN, error)
        except VideoError as error:
            self._end(ExitCode.FINDINGS, error)
        print_answer(answer, as_json=given.json)
        sys.exit(answer.exit_code)

    def _end(self, code: ExitCode, error: Exception) -> None:
        self.stderr.write(f"video: {error}")
        sys.exit(code)


class _Parser(ArgumentParser):
    """The plain parser: Django's own would turn usage errors into a traceback when called from code."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("called_from_command_line", None)
        super().__init__(**kwargs)


def _call(calls: Any, name: str, run: Any) -> ArgumentParser:
    call: ArgumentParser = calls.add_parser(name, help=(run.__doc__ or "").splitlines()[0])
    call.add_argument("--json", action="store_true", help="one JSON document: {rows, exit_code}")
    call.set_defaults(run=run)
    return call


def _add_dlq(calls: Any) -> None:
    dlq = calls.add_parser("dlq", help="Messages that the queue gave up on.")
    kinds = dlq.add_subparsers(dest="dlq_call", required=True, metavar="CALL", parser_class=_Parser)
    listing = _call(kinds, "list", dead_letters.dlq_list)
    listing.add_argument("--all", action="store_true", help="settled ones too")
    listing.add_argument("--limit", type=int, default=100)
    for name, run in (("redrive", dead_letters.dlq_redrive), ("purge", dead_letters.dlq_purge)):
        call = _call(kinds, name, run)
        call.add_argument("ids", nargs="*", type=int, metavar="ID")
        call.add_argument("--all", action="store_true", help="every message that is kept")
        call.add_argument("--limit", type=int, default=1000, help="with --all at most so many")
        _writes(call)


def _writes(call: ArgumentParser) -> None:
    call.add_argument("--apply", action="store_true", help="do it; without this nothing is changed")
