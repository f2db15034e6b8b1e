"""To whoever reads the catalogue of causes: nothing in it is an empty word, and nothing is missing."""

import importlib
import re
from pathlib import Path

from apps.core.messages import TEXTS as CORE_TEXTS
from apps.support.video.domain.causes import Cause
from apps.support.video.domain.messages import TEXTS
from apps.support.video.management.cli.causes import PAGE_TAIL
from tests.support.causes import MADE

REPOSITORY = Path(__file__).resolve().parents[2]


def test_enum_page_and_tests_list_the_same_causes() -> None:
    for path in (REPOSITORY / "tests/integration").glob("test_*.py"):
        if "@makes(" in path.read_text(encoding="utf-8"):
            importlib.import_module(f"tests.integration.{path.stem}")
    page = (REPOSITORY / "docs/reference/causes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## ([A-Z_]+)$", page, re.MULTILINE)) == set(Cause) == MADE


def test_what_is_said_elsewhere_is_no_cause_and_is_said_there() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE_TAIL, re.MULTILINE)
    assert rows
    for code, said_by in rows:
        assert code not in set(Cause)
        known = {*Cause, *TEXTS, *CORE_TEXTS, "lease_lost", "attempt_finished"}
        assert set(re.findall(r"`(\w+)`", said_by)) <= known, code
