"""`manage.py video ...`: the operator's command line."""

from typing import Any, ClassVar

from django.core.management.base import CommandParser

from libs.queue.client import QueueUnavailable
from libs.s3_client.client import StorageError

from ...domain.errors import InvalidStatus, StorageUnavailable, VideoError
from ..cli import causes, dead_letters, system, videos
from ..cli.calls import CallsCommand, add_apply, add_call, add_calls
from ..cli.output import ExitCode


class Command(CallsCommand):
    name = "video"
    help = (
        "Look at videos and repair them. Writes need --apply. Exit: 0 healthy, 1 findings, 2 usage, 69 dependency down."
    )
    exit_codes: ClassVar = {
        InvalidStatus: ExitCode.USAGE,
        QueueUnavailable: ExitCode.DEPENDENCY_DOWN,
        StorageError: ExitCode.DEPENDENCY_DOWN,
        StorageUnavailable: ExitCode.DEPENDENCY_DOWN,
        VideoError: ExitCode.FINDINGS,
        **CallsCommand.exit_codes,
    }

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the calls."""
        calls = add_calls(parser)
        for name, run in (("status", videos.status), ("why", videos.why)):
            call = add_call(calls, name, run)
            call.add_argument("video_id", type=int)
            call.add_argument("--language", choices=("ko", "en"), default="ko", help="of the sentences")
        add_call(calls, "timeline", videos.timeline).add_argument("video_id", type=int)
        for name, run in (("retry", videos.retry), ("cancel", videos.cancel)):
            call = add_call(calls, name, run)
            call.add_argument("video_id", type=int)
            if name == "retry":
                call.add_argument("--force", action="store_true", help="cancel the active job first")
            add_apply(call)
        for name, run in (("findings", system.findings), ("reconcile", system.reconcile)):
            call = add_call(calls, name, run)
            call.add_argument("--only", nargs="+", metavar="V0n", help="these invariants only")
            call.add_argument("--limit", type=int, default=100, help="at most so many findings per invariant")
            if name == "reconcile":
                add_apply(call)
        add_call(calls, "causes", causes.causes).add_argument(
            "--markdown", action="store_true", help="the reference page"
        )
        add_call(calls, "outbox", system.outbox).add_argument("--limit", type=int, default=100)
        _add_dlq(calls)


def _add_dlq(calls: Any) -> None:
    dlq = calls.add_parser("dlq", help="Messages that the queue gave up on.")
    kinds = add_calls(dlq, dest="dlq_call")
    listing = add_call(kinds, "list", dead_letters.dlq_list)
    listing.add_argument("--all", action="store_true", help="settled ones too")
    listing.add_argument("--limit", type=int, default=100)
    for name, run in (("redrive", dead_letters.dlq_redrive), ("purge", dead_letters.dlq_purge)):
        call = add_call(kinds, name, run)
        call.add_argument("ids", nargs="*", type=int, metavar="ID")
        call.add_argument("--all", action="store_true", help="every message that is kept")
        call.add_argument("--limit", type=int, default=1000, help="with --all at most so many")
        add_apply(call)
