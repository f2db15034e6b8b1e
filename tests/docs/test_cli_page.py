"""To scripts: the page says what the command line does, and the fields that it prints."""

import json
import re
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from apps.support.video.management.cli.output import ExitCode
from apps.support.video.management.commands.video import Command
from apps.support.webhooks.management.commands.webhooks import Command as WebhooksCommand
from apps.support.webhooks.services.taking import take_events
from tests.support.videos import Pipeline
from tests.support.webhooks import Hooks

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
FIELDS = {
    re.split(r" ID| --", call)[0]: fields.split(", ")
    for call, fields in re.findall(r"^\| `([^`]+)` \| .+ \| ([a-z_, ]+) \|$", PAGE, re.MULTILINE)
}


def calls_of(parser: ArgumentParser, *, before: str = "") -> set[str]:
    """Return every call that a parser knows, in words."""
    nested = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    if not nested:
        return {before.strip()}
    return {call for name, child in nested[0].choices.items() for call in calls_of(child, before=f"{before} {name}")}


def test_every_call_is_on_the_page() -> None:
    video = calls_of(Command().create_parser("manage.py", "video"))
    webhooks = calls_of(WebhooksCommand().create_parser("manage.py", "webhooks"), before="webhooks")
    assert video | webhooks == set(FIELDS)


def test_every_exit_code_is_on_the_page() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)} == set(ExitCode)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("s3_engine", "sqs_engine")
@pytest.mark.parametrize("call", ["status", "why", "timeline", "retry", "cancel", "reconcile --only V03", "causes"])
def test_a_row_has_the_fields_of_the_page(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = Pipeline()
    video = pipeline.dead() if call == "retry" else pipeline.processing()
    words = call.split()
    subject = [str(video.pk)] if words[0] in {"status", "why", "timeline", "retry", "cancel"} else []
    writes = ["--apply"] if words[0] in {"retry", "cancel", "reconcile"} else []
    with pytest.raises(SystemExit):
        call_command("video", *words, *subject, *writes, "--json")
    printed = capsys.readouterr().out.splitlines()
    document: dict[str, Any] = json.loads("\n".join(printed[printed.index("{") :]))
    assert list(document["rows"][0]) == FIELDS[words[0]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", ["list", "deliveries", "enable", "disable", "replay"])
def test_a_row_of_webhooks_has_the_fields_of_the_page(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    hooks = Hooks(Pipeline())
    endpoint_id = hooks.add("http://127.0.0.1:1/secret-path").endpoint.pk
    hooks.pipeline.pending()
    take_events(clock=hooks.pipeline.clock)
    words = {"list": [], "replay": [str(endpoint_id), "--after", "0"]}.get(call, [str(endpoint_id)])
    with pytest.raises(SystemExit) as ended:
        call_command("webhooks", call, *words, "--json")
    printed = capsys.readouterr().out.splitlines()
    document: dict[str, Any] = json.loads("\n".join(printed[printed.index("{") :]))
    assert list(document["rows"][0]) == FIELDS[f"webhooks {call}"]
    assert (ended.value.code, document["rows"][0].get("applied", False)) == (0, False)
    assert "secret-path" not in str(document)
    assert hooks.waiting() == ["upload_started"]
