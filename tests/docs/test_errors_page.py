"""To client authors: the page of error codes is complete and says what the server does."""

from __future__ import annotations

import re
from pathlib import Path

from apps.api.exception_handler import STATUS_OF

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/errors.md"
ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \|", re.MULTILINE)


def test_the_page_lists_every_code_with_its_status() -> None:
    listed = {code: int(status) for code, status in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    assert listed == dict(STATUS_OF)
