"""What processes print is kept whole in files, and readable on the terminal."""

from __future__ import annotations

import io
import re
import stat
from pathlib import Path

from apps.standalone.output import LogBook, Terminal, readable


def shown(*lines: tuple[str, str], color: bool = False, verbose: bool = False) -> str:
    stream = io.StringIO()
    terminal = Terminal(stream, color=color, verbose=verbose)
    for name, line in lines:
        terminal.show(name, line, is_routine=line.startswith("I"))
    terminal.close()
    return stream.getvalue()


def test_every_line_names_its_process() -> None:
    assert shown(("api", "one"), ("worker-1", "two")) == "api        | one\nworker-1   | two\n"


def test_processes_have_colours_of_their_own_on_a_terminal() -> None:
    colors = re.findall(r"\x1b\[(\d+)m\w", shown(("api", "a"), ("relay", "b"), ("api", "c"), color=True))
    assert colors[0] == colors[2] != colors[1]


def test_an_engines_routine_is_shown_only_on_request() -> None:
    assert shown(("s3", "I routine"), ("s3", "W warning")) == "s3         | W warning\n"
    assert "I routine" in shown(("s3", "I routine"), verbose=True)


def test_a_json_line_is_told_in_words_without_losing_a_fact() -> None:
    line = '{"timestamp": "t", "level": "error", "event": "message_failed", "message": "Failed", "job_id": "7"}'
    assert readable(line) == "ERROR  message_failed  Failed  job_id=7"
    assert readable('{"level": "info", "event": "started", "message": "started"}') == "started"


def test_other_lines_stay_as_they_are() -> None:
    for line in ("plain", "{broken", '{"no": "event"}', "[]"):
        assert readable(line) == line


def test_files_keep_every_line_as_it_was(tmp_path: Path) -> None:
    terminal = Terminal(io.StringIO(), color=False, verbose=False)
    book = LogBook(tmp_path, terminal)
    book.write("api", '{"event": "한글"}')
    book.write("api", "I routine", is_routine=True)
    book.close()
    assert (tmp_path / "api.log").read_text() == '{"event": "한글"}\nI routine\n'
    assert stat.S_IMODE((tmp_path / "api.log").stat().st_mode) == 0o600
    assert book.tail("api").endswith("I routine")
