"""To authors of scripts: the page of the Python client says what the client has, and its types what the API answers."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from typing import Any

import yaml
from academy_video import Api

CLIENT = Path(__file__).resolve().parents[2] / "clients/python"
DOCS = CLIENT.parents[1] / "docs/reference"


def test_the_page_is_the_generated_one() -> None:
    """After a change: `python clients/python/reference.py > docs/reference/python-client.md`."""
    made = runpy.run_path(str(CLIENT / "reference.py"))["page"]()
    assert made == (DOCS / "python-client.md").read_text(encoding="utf-8")


def test_the_answers_are_those_of_the_document() -> None:
    """After a change: `python clients/python/answers.py > clients/python/src/academy_video/answers.py`."""
    made = runpy.run_path(str(CLIENT / "answers.py"))["module"]()
    written = (CLIENT / "src/academy_video/answers.py").read_text(encoding="utf-8")
    # However the formatter breaks lines.
    assert ast.dump(ast.parse(made)) == ast.dump(ast.parse(written))


def test_each_method_returns_the_answer_of_its_call() -> None:
    document: dict[str, Any] = yaml.safe_load((DOCS / "openapi.yaml").read_text(encoding="utf-8"))
    documented = runpy.run_path(str(CLIENT / "answers.py"))["answers"](document)
    typed = {name: getattr(Api, name).__annotations__["return"].__name__ for name in documented}
    assert typed == documented
