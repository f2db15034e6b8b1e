"""To operators: `manage.py webhooks` changes what it is told to, nothing unasked, and says what needs a person."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction

from apps.core.models import AuditEntry
from apps.support.webhooks.models import DisabledReason
from apps.support.webhooks.services.endpoints import switch_off
from apps.support.webhooks.services.taking import take_events
from tests.support.videos import Pipeline
from tests.support.webhooks import Hooks

# Events have their place in the feed once they are committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hooks() -> Hooks:
    """One webhook, for which one event waits."""
    made = Hooks(Pipeline())
    made.add("http://127.0.0.1:1/")
    made.pipeline.pending()
    take_events(clock=made.pipeline.clock)
    return made


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[object, Any]:
    """Return the exit code and the first row."""
    with pytest.raises(SystemExit) as ended:
        call_command("webhooks", *map(str, words), "--json")
    printed = capsys.readouterr().out.splitlines()
    return ended.value.code, json.loads("\n".join(printed[printed.index("{") :]))["rows"][0]


def settled(hooks: Hooks) -> tuple[bool, int, int]:
    return hooks.endpoint().disabled_at is None, hooks.endpoint().cursor, len(hooks.waiting())


@pytest.mark.parametrize(
    ("call", "options", "is_on", "before", "after"),
    [
        ("enable", (), False, (False, 1, 1), (True, 1, 1)),
        ("disable", (), True, (True, 1, 1), (False, 1, 1)),
        ("replay", ("--after", 0), True, (True, 1, 1), (True, 0, 0)),
    ],
)
def test_a_change_is_made_with_apply_alone_and_audited(
    hooks: Hooks,
    capsys: pytest.CaptureFixture[str],
    call: str,
    options: tuple[object, ...],
    is_on: bool,
    before: tuple[bool, int, int],
    after: tuple[bool, int, int],
) -> None:
    if not is_on:
        switch(hooks, DisabledReason.OWNER)
    words = (call, hooks.endpoint().pk, *options)
    for apply, expected in (((), before), (("--apply",), after)):
        code, row = run(capsys, *words, *apply)
        assert (code, row["applied"]) == (0, bool(apply))
        assert (row["enabled"], row["cursor"], row["waiting"]) == settled(hooks) == expected
    assert AuditEntry.objects.for_tenant(hooks.pipeline.tenant).latest("pk").actor == "operator"


@pytest.mark.parametrize(("reason", "code"), [(DisabledReason.OWNER, 0), (DisabledReason.GONE, 1)])
def test_one_that_we_have_switched_off_is_a_finding(
    hooks: Hooks, capsys: pytest.CaptureFixture[str], reason: DisabledReason, code: int
) -> None:
    switch(hooks, reason)
    ended, row = run(capsys, "list")
    assert (ended, row["enabled"], row["disabled_reason"]) == (code, False, reason)


def test_one_that_is_not_there_is_a_usage_error(hooks: Hooks, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("webhooks", "disable", str(hooks.endpoint().pk + 1), "--apply")
    assert ended.value.code == 2
    assert "webhooks: there is no webhook" in capsys.readouterr().err
    assert hooks.endpoint().disabled_at is None


@transaction.atomic
def switch(hooks: Hooks, reason: DisabledReason) -> None:
    switch_off(hooks.endpoint(), reason=reason, actor="user:1", now=hooks.pipeline.clock.now())
