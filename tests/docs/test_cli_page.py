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
from tests.support.videos import Pipeline

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
FIELDS = {
    call.split(" ID")[0]: fields.split(", ")
    for call, fields in re.findall(r"^\| `([^`]+)` \| .+ \| ([a-z_, ]+) \|$", PAGE, re.MULTILINE)
}


def calls_of(parser: ArgumentParser, *, before: str = "") -> set[str]:
    """Return every call that a parser knows, in words."""
    nested = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    if not nested:
        return {before.strip()}
    return {call for name, child in nested[0].choices.items() for call in calls_of(child, before=f"{before} {name}")}


def test_every_call_is_on_the_page() -> None:
    assert calls_of(Command().create_parser("manage.py", "video")) == set(FIELDS)


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
