"""To authors of scripts: the page of the Python client says what the client has."""

from __future__ import annotations

import runpy
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_page_is_the_generated_one() -> None:
    """After a change: `python clients/python/reference.py > docs/reference/python-client.md`."""
    made = runpy.run_path(str(REPOSITORY / "clients/python/reference.py"))["page"]()
    assert made == (REPOSITORY / "docs/reference/python-client.md").read_text(encoding="utf-8")
