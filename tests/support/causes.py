"""Making causes happen, and what `why` then tells whom. `tests/unit/test_why_catalogue.py`: none is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from apps.core.models import SCOPE_VIDEOS_READ
from apps.support.video.domain.causes import CAUSES, Cause, Verdict
from apps.support.video.models import Video
from tests.support.api import Api

MADE: set[Cause] = set()
"""The causes that tests of the modules loaded so far make happen."""

# Of the evidence's internals, those that name a machine or an object, or quote a program; not times and counts.
NAMING = ("file_key", "worker_id", "last_error", "failure_code", "failure_detail")


def makes(*causes: Cause) -> pytest.MarkDecorator:
    """Mark a test that makes each of these causes happen: it runs once for each, and takes it as `cause`."""
    MADE.update(causes)
    return pytest.mark.parametrize("cause", causes)


def assert_told(
    video: Video | int,
    cause: Cause,
    *,
    by: Api,
    actions: Sequence[str],
    severity: Verdict | None = None,
    languages: Sequence[str] = ("ko", "en"),
) -> dict[str, Any]:
    """
    Assert what `why` answers now, to the operator and to those who may only watch, and return the operator's answer.

    Args:
        by: An operator's caller, of the video's tenant.
        actions: All that the operator may do, without what is always allowed.
        severity: The cause's usual one when omitted.
        languages: Those in which the uploader asks.
    """
    path = f"{video if isinstance(video, int) else video.pk}/why/"
    operator = _ask(by, path, "ko")
    assert (operator["cause_code"], operator["severity"]) == (cause, severity or CAUSES[cause].verdict)
    assert operator["allowed_actions"] == [*actions, "update", "delete"]
    assert _is_korean(operator["operator"])
    reader = Api(by.tenant, scopes=[SCOPE_VIDEOS_READ])
    for language in languages:
        told = _ask(reader, path, language)
        assert [told[name] for name in ("cause_code", "severity")] == [operator["cause_code"], operator["severity"]]
        for name in ("verdict", "hint", "next_step"):
            assert told[name]
            assert _is_korean(told[name]) is (language == "ko")
        assert set(told["allowed_actions"]) <= {"play"}
        _assert_without_internals(told, operator)
    return operator


def _ask(api: Api, path: str, language: str) -> dict[str, Any]:
    answer = api.send("GET", path, Accept_Language=language)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def _is_korean(text: str) -> bool:
    return re.search("[가-힣]", text) is not None


def _assert_without_internals(told: dict[str, Any], operator: dict[str, Any]) -> None:
    assert told["operator"] is None
    said = json.dumps(told, ensure_ascii=False)
    for ours, theirs in zip(operator["evidence"], told["evidence"], strict=True):
        hidden = {name: value for name, value in ours["facts"].items() if name not in theirs["facts"]}
        assert not [name for name in hidden if f'"{name}"' in said]
        assert not [
            name for name in NAMING if hidden.get(name) and hidden[name] in said.replace(told["cause_code"], "")
        ]
    assert ":" not in told["holder"]
