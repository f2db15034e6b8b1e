"""`manage.py webhooks ...`: the operator's view of every tenant's webhooks."""

from argparse import Namespace

from django.core.management.base import CommandParser

from apps.support.video.management.cli.calls import CallsCommand, add_apply, add_call, add_calls
from apps.support.video.management.cli.output import Answer, ExitCode, UsageError
from apps.support.video.wiring import shared_clock

from ... import wiring
from ...models import DisabledReason, WebhookEndpoint
from ...selectors.endpoints import all_endpoints, deliveries_of
from ...services.endpoints import change_endpoint, replay

ACTOR = "operator"


class Command(CallsCommand):
    name = "webhooks"
    help = "Look at webhooks and settle them. Writes need --apply. Exit: as manage.py video."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the calls."""
        calls = add_calls(parser)
        add_call(calls, "list", webhooks_list)
        deliveries = add_call(calls, "deliveries", webhooks_deliveries)
        deliveries.add_argument("webhook_id", type=int, metavar="ID")
        deliveries.add_argument("--limit", type=int, default=100)
        for name, run in (("enable", webhooks_switch), ("disable", webhooks_switch), ("replay", webhooks_replay)):
            call = add_call(calls, name, run)
            call.add_argument("webhook_id", type=int, metavar="ID")
            add_apply(call)
            if name == "replay":
                call.add_argument("--after", type=int, required=True, help="position of the last event not to be sent")


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
    given_up = any(endpoint.disabled_reason not in ("", DisabledReason.OWNER) for endpoint in endpoints)
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
        raise UsageError(f"there is no webhook {options.webhook_id}")
    return endpoint
