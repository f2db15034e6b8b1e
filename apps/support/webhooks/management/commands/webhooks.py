"""`manage.py webhooks ...`: the operator's view of every tenant's webhooks."""

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from apps.core.errors import CoreNotFound
from apps.support.video.management.cli.output import Answer, ExitCode, print_answer
from apps.support.video.wiring import shared_clock

from ... import wiring
from ...models import WebhookEndpoint
from ...selectors import all_endpoints, deliveries_of
from ...services.endpoints import change_endpoint, replay

ACTOR = "operator"


class Command(BaseCommand):
    help = "Look at webhooks and settle them. Writes need --apply. Exit: as manage.py video."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the calls."""
        calls = parser.add_subparsers(dest="call", required=True, metavar="CALL", parser_class=ArgumentParser)
        _call(calls, "list", webhooks_list)
        deliveries = _call(calls, "deliveries", webhooks_deliveries)
        deliveries.add_argument("webhook_id", type=int, metavar="ID")
        deliveries.add_argument("--limit", type=int, default=100)
        for name, run in (("enable", webhooks_switch), ("disable", webhooks_switch), ("replay", webhooks_replay)):
            call = _call(calls, name, run)
            call.add_argument("webhook_id", type=int, metavar="ID")
            call.add_argument("--apply", action="store_true", help="do it; without this nothing is changed")
            if name == "replay":
                call.add_argument("--after", type=int, required=True, help="position of the last event not to be sent")

    def handle(self, **options: Any) -> None:
        """Run the call, print its answer, and exit with its code."""
        given = Namespace(**options)
        try:
            answer: Answer = given.run(given)
        except CoreNotFound:
            self._end(ExitCode.USAGE, "there is no such webhook")
        except DatabaseError as error:
            self._end(ExitCode.DEPENDENCY_DOWN, str(error))
        print_answer(answer, as_json=given.json)
        sys.exit(answer.exit_code)

    def _end(self, code: ExitCode, problem: str) -> None:
        self.stderr.write(f"webhooks: {problem}")
        sys.exit(code)


def webhooks_list(_options: Namespace) -> Answer:
    """List every tenant's webhooks. One that we have switched off is a finding."""
    endpoints = list(all_endpoints())
    rows = [
        {
            "webhook_id": endpoint.pk,
            "tenant": endpoint.tenant.code,
            "host": endpoint.host,
            "enabled": endpoint.disabled_at is None,
            "disabled_reason": endpoint.disabled_reason or None,
            "disabled_at": endpoint.disabled_at,
            "waiting": endpoint.waiting,
            "cursor": endpoint.cursor,
        }
        for endpoint in endpoints
    ]
    given_up = any(endpoint.disabled_reason not in ("", "owner") for endpoint in endpoints)
    return Answer(
        rows=rows,
        exit_code=ExitCode.FINDINGS if given_up else ExitCode.HEALTHY,
        note="" if rows else "there are no webhooks",
    )


def webhooks_deliveries(options: Namespace) -> Answer:
    """List what was sent to a webhook and what waits, the newest first."""
    endpoint = _endpoint(options)
    rows = [
        {
            "id": delivery.pk,
            "message_id": delivery.message_id,
            "event_type": delivery.event_type,
            "position": delivery.position,
            "video_id": delivery.video_id,
            "state": delivery.state,
            "tries": delivery.attempt_count,
            "due_at": delivery.due_at,
            "last_attempt": delivery.attempts[-1] if delivery.attempts else None,
        }
        for delivery in deliveries_of(endpoint)[: options.limit]
    ]
    return Answer(rows=rows, note="" if rows else "nothing was sent yet")


def webhooks_switch(options: Namespace) -> Answer:
    """Switch a webhook on, where it stopped, or off."""
    endpoint = _endpoint(options)
    if options.apply:
        change_endpoint(
            tenant=endpoint.tenant,
            endpoint_id=endpoint.pk,
            actor=ACTOR,
            urls=wiring.outbound(),
            clock=shared_clock(),
            is_enabled=options.call == "enable",
        )
    return _settled(options)


def webhooks_replay(options: Namespace) -> Answer:
    """Send every event behind a position again; what waits is forgotten."""
    endpoint = _endpoint(options)
    if options.apply:
        replay(tenant=endpoint.tenant, endpoint_id=endpoint.pk, after=max(0, options.after), actor=ACTOR)
    return _settled(options)


def _settled(options: Namespace) -> Answer:
    endpoint = _endpoint(options)
    row = {
        "webhook_id": endpoint.pk,
        "action": options.call,
        "applied": options.apply,
        "enabled": endpoint.disabled_at is None,
        "cursor": endpoint.cursor,
        "waiting": endpoint.waiting,
    }
    return Answer(rows=[row], note="" if options.apply else "nothing was changed; add --apply to do it")


def _endpoint(options: Namespace) -> WebhookEndpoint:
    endpoint = all_endpoints().filter(pk=options.webhook_id).first()
    if endpoint is None:
        raise CoreNotFound
    return endpoint


def _call(calls: Any, name: str, run: Any) -> ArgumentParser:
    call: ArgumentParser = calls.add_parser(name, help=(run.__doc__ or "").splitlines()[0])
    call.add_argument("--json", action="store_true", help="one JSON document: {rows, exit_code}")
    call.set_defaults(run=run)
    return call
