"""To whoever copies the verification from the page: it takes what we send, in both languages, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from apps.support.webhooks.domain.signing import make_recipe, secret_of, secret_text, signed_headers
from libs.clock import SystemClock

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "webhooks.md").read_text(encoding="utf-8")
BODY = '{"type":"job_succeeded","data":{"title":"1강"}}'.encode()
NODE = Path(sys.executable).parent / "node"

Verify = Callable[[Mapping[str, str], bytes, str], bool]


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def in_python(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    return bool(names["verify"](headers, body, secret))


def in_node(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    given = ", ".join(json.dumps(each) for each in (dict(headers), body.decode(), secret))
    call = f"const [headers, body, secret] = [{given}];\nconsole.log(verify(headers, Buffer.from(body), secret));"
    done = subprocess.run(
        [NODE, "--input-type=module", "--eval", f"{block('js')}\n{call}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return {"true": True, "false": False}[done.stdout.strip()]


@pytest.mark.parametrize("verify", [in_python, in_node])
def test_the_code_on_the_page_verifies_what_we_send(verify: Verify) -> None:
    old, new = (secret_of(make_recipe(key="key"), key="key") for _ in range(2))
    headers = signed_headers(message_id="evt_1", at=SystemClock().now(), body=BODY, secrets=[new, old])
    assert verify(headers, BODY, secret_text(old))
    assert verify(headers, BODY, secret_text(new))
    assert not verify(headers, BODY + b" ", secret_text(new))
    assert not verify({**headers, "webhook-id": "evt_2"}, BODY, secret_text(new))
    assert not verify({**headers, "webhook-timestamp": "1772452800"}, BODY, secret_text(new))
