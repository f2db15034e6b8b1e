"""The accessibility checks of axe-core, run in the page as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_SOURCE = Path(__file__).resolve().parents[2] / "academyfront/node_modules/axe-core/axe.min.js"
SERIOUS = frozenset({"serious", "critical"})


def serious_findings(page: Page) -> list[str]:
    """Return what axe finds serious or worse: the rule, and where it is broken first."""
    # By evaluation and not as a script element: the page's CSP takes no others than its own.
    page.evaluate(_SOURCE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {violation['nodes'][0]['target']} {violation['nodes'][0]['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
    ]
