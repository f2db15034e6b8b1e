"""Makes the client's page: `python clients/python/reference.py > docs/reference/python-client.md`."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

import academy_video
from academy_video import answers, errors
from academy_video.cli import ExitCode

WIDEST = 100
HEADER = """# The Python client

`pip install ./clients/python`; Python 3.11 and newer, typed (`py.typed`, checked by mypy in strict mode). How it is
used is in its [README](../../clients/python/README.md). It calls the [HTTP API](openapi.yaml) and nothing else. A call
that may succeed later (no answer, 408, 425, 429, 5xx) is repeated, after `Retry-After` where the server says so,
unless its code says that waiting does not help.

This page is made by `python clients/python/reference.py`; a test holds that it is up to date.
"""


def page() -> str:
    """Return the page."""
    names = sorted(academy_video.__all__, key=lambda name: (not inspect.isfunction(getattr(academy_video, name)), name))
    things = [getattr(academy_video, name) for name in names]
    parts = [HEADER, *(_section(thing) for thing in things if thing not in _errors()), "## Errors\n"]
    parts += [f"- `{error.__name__}`: {_first_line(error)}" for error in _errors()]
    parts += ["\n## Answers\n", f"{_first_line(answers)} From `academy_video.answers`.\n", _answers()]
    parts += ["\n## Exit codes of `academy-video`\n", *(f"- {code.value}: {code.name.lower()}" for code in ExitCode)]
    return "\n".join(parts) + "\n"


def _errors() -> list[type[Exception]]:
    return [thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, Exception)]


def _answers() -> str:
    """Return the answers' types as they are written, with their names for each other."""
    written = ast.parse(inspect.getsource(answers)).body
    words = [_python(*(ast.unparse(node) for node in written if isinstance(node, ast.Assign)))]
    for node in written:
        if isinstance(node, ast.ClassDef):
            fields = [ast.unparse(field) for field in node.body if isinstance(field, ast.AnnAssign)]
            words.append(f"### `{node.name}`\n\n{ast.get_docstring(node)}\n\n{_python(*fields)}")
    return "\n".join(words)


def _python(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```\n"]).replace("'", '"')


def _section(thing: Any) -> str:
    lines = [f"## `{thing.__name__}`\n", _code(thing.__name__, thing), _text(thing)]
    if inspect.isclass(thing):
        for name, method in vars(thing).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                lines += [f"### `{thing.__name__}.{name}`\n", _code(name, method), _text(method)]
    return "\n".join(lines)


def _code(name: str, thing: Any) -> str:
    """Return the signature, one parameter a line where it is long."""
    signature = inspect.signature(thing)
    written = f"{name}{signature}"
    if len(written) > WIDEST:
        keyword_only = (one for one in signature.parameters.values() if one.kind is one.KEYWORD_ONLY)
        first = next(keyword_only, None)
        lines = [f"    {'*, ' if one is first else ''}{one}," for one in signature.parameters.values()]
        written = "\n".join([f"{name}(", *lines, f") -> {inspect.formatannotation(signature.return_annotation)}"])
    # Where a name is from says nothing here, and neither does that a class returns itself.
    written = re.sub(r"\bacademy_video\.\w+\.", "", written)
    # Python 3.13's name for it.
    written = written.replace("pathlib._local.", "pathlib.")
    return f"```python\n{written.removesuffix(' -> None') if inspect.isclass(thing) else written}\n```\n"


def _text(thing: Any) -> str:
    text = inspect.getdoc(thing) or ""
    head, *sections = text.split("\n\n")
    shown = [head, *(_listed(section) for section in sections)]
    return "\n\n".join(shown) + "\n"


def _listed(section: str) -> str:
    title, _, body = section.partition("\n")
    if not title.endswith(":") or not body:
        return section
    items = textwrap.dedent(body).replace("\n    ", " ").splitlines()
    return "\n".join([title, "", *(f"- {item}" for item in items)])


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


if __name__ == "__main__":
    sys.stdout.write(page())
