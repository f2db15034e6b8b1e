"""How the command line answers: a table for people, JSON for programs, and an exit code for both."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


class ExitCode(IntEnum):
    """
    What a shell learns. 69 and 78 are EX_UNAVAILABLE and EX_CONFIG.

    Source:
        sysexits(3)
    """

    HEALTHY = 0
    FINDINGS = 1
    USAGE = 2
    DEPENDENCY_DOWN = 69
    CONFIGURATION = 78


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Rows with the same keys, and what they mean for the exit code. `note` is for people only."""

    rows: Sequence[dict[str, Any]]
    exit_code: ExitCode = ExitCode.HEALTHY
    note: str = ""


class UsageError(Exception):
    """The call cannot be understood, or names something that is not there."""


def print_answer(answer: Answer, *, as_json: bool) -> None:
    """Print to standard output: one JSON document `{"rows": [...], "exit_code": n}`, or an aligned table."""
    if as_json:
        document = {"rows": list(answer.rows), "exit_code": int(answer.exit_code)}
        sys.stdout.write(json.dumps(document, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2) + "\n")
        return
    sys.stdout.write(_table(answer.rows))
    if answer.note:
        sys.stdout.write(answer.note + "\n")


def _table(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    if len(rows) == 1:
        width = max(len(name) for name in rows[0])
        return "".join(f"{name.ljust(width)}  {_cell(value)}\n" for name, value in rows[0].items())
    names = list(rows[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in cells
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, (dict, list)):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    return f"{value:.1f}" if isinstance(value, float) else str(value)
