"""To whoever copies from the README: what stands there works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.clips import make_clip
from tests.support.stack import Stack
from tests.support.uploading import status_of
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_curl_example_takes_a_file_to_ready(stack: Stack, tmp_path: Path) -> None:
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    example = next(block for block in blocks if "curl" in block)
    (tmp_path / "var").mkdir()
    shutil.copy(stack.home.report_file, tmp_path / "var/standalone.json")
    make_clip(tmp_path / "lecture.mp4", seconds=2)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "no_proxy": "127.0.0.1"},
    )

    assert done.returncode == 0, done.stderr
    ticket = json.loads((tmp_path / "ticket.json").read_text(encoding="utf-8"))
    assert '"enqueue":"sent"' in done.stdout
    assert '"cause_code"' in done.stdout
    wait_until(
        lambda: status_of(stack.http, ticket["video"]["id"]) == "READY", timeout_seconds=90, message="it is READY"
    )


def test_every_linked_file_is_there() -> None:
    linked = re.findall(r"\]\(((?!http)[^)#]+)\)", README)
    assert len(linked) > 5
    assert [path for path in linked if not (REPOSITORY / path).exists()] == []
