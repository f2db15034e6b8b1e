"""To whoever is on call: alarms and dashboard ask for what is really exported, and lead to pages that are there."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY, Metric

from apps.support.video.recovery.gauges import LineGauges

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = yaml.safe_load((REPOSITORY / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((REPOSITORY / "deploy/grafana/dashboard.json").read_text(encoding="utf-8"))
PAGE = (REPOSITORY / "docs/howto/monitoring.md").read_text(encoding="utf-8")
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
# Grafana fills its variables in before it asks.
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"].replace("$__rate_interval", "1m") for target in TARGETS
]
_PARTS = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}


def exported_labels() -> dict[str, set[str]]:
    """Return the labels of every series that we export, by its name."""
    counted = {
        collector._name: set(collector._labelnames)  # type: ignore[attr-defined]
        for collector in REGISTRY._collector_to_names
        if getattr(collector, "_name", "").startswith("academy_video_")
    }
    families: Iterable[Metric] = [*REGISTRY.collect(), *LineGauges().describe()]
    ours = [family for family in families if family.name.startswith("academy_video_")]
    gauges = {family.name: set(family._labelnames) for family in LineGauges().describe()}
    return {family.name + part: (counted | gauges)[family.name] for family in ours for part in _PARTS[family.type]}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_parses_and_asks_for_what_is_exported(expression: str) -> None:
    promql_parser.parse(expression)
    exported = exported_labels()
    asked = re.findall(r"(academy_video_\w+)(?:\{([^}]*)\})?", expression)
    assert asked
    for name, matchers in asked:
        assert set(re.findall(r"(\w+)\s*[!=]", matchers)) <= exported.get(name, set()), name
        assert name in exported
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
    assert grouped - {"le"} <= set().union(*(exported[name] for name, _ in asked))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alarm_leads_to_a_page_that_is_there(rule: dict[str, dict[str, str]]) -> None:
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert not anchor or anchor in anchors


def test_the_page_lists_every_metric_and_no_other() -> None:
    listed = set(re.findall(r"`(academy_video_\w+)", PAGE))
    assert listed == {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported_labels()}
