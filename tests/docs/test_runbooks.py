"""To the operator at night: every invariant has its page, with the four things one needs then."""

import re
from pathlib import Path

import pytest

from apps.support.video.domain.causes import Cause
from apps.support.video.domain.lifecycle import EventName
from apps.support.video.recovery.invariant import Invariant
from apps.support.video.recovery.reconciler import INVARIANTS

RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
SECTIONS = ["What it means", "How to look", "How to repair", "How it happens"]

each_invariant = pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: str(invariant.code))


@each_invariant
def test_an_invariant_names_a_page_with_all_that_is_needed(invariant: Invariant) -> None:
    page = (RUNBOOKS / invariant.runbook).read_text(encoding="utf-8")
    assert page.startswith(f"# {invariant.code}: ")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    assert f"--only {invariant.code}" in page or "video dlq list" in page


@each_invariant
def test_the_words_on_a_page_are_the_codes_words(invariant: Invariant) -> None:
    """Causes and events that a page names exist: whoever greps for them finds them."""
    page = (RUNBOOKS / invariant.runbook).read_text(encoding="utf-8")
    settings = {"VIDEO_REDELIVERY_WINDOW_SECONDS", "VIDEO_TENANT_RUNNING_LIMIT"}
    causes = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", page)) - settings
    assert causes <= set(Cause)
    tables = {"video_invariant_round"}
    logged = {"lease_renewal_failed", "repair_failed"}
    letters = {"unknown_version", "unknown_job"}
    assert set(re.findall(r"`([a-z]+_[a-z_]+)`", page)) - tables - logged - letters <= set(EventName)


def test_no_page_is_without_its_invariant() -> None:
    pages = {path.name for path in RUNBOOKS.glob("v*.md")}
    assert pages == {invariant.runbook for invariant in INVARIANTS}
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\((v\d\d\.md)\)", index)) == pages
