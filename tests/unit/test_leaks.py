"""A promise to whoever relies on the search for secrets in all logs of this suite: it would find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.standalone.credentials import generate_credentials
from libs.observability.redaction import redact_text
from tests.support.leaks import leaks_in, secrets_of

SHAPES = {
    "presigned signature": "GET https://s3.example.com/a.ts?X-Amz-Signature=0a1b2c3d4e5f",
    "presigned credential": "GET https://s3.example.com/a.ts?X-Amz-Credential=AKIA12345678%2F20260302",
    "playback token": "GET /playback/eyJ0ZW5hbnRfaWQiOjEsInZpZGVvX2lkIjoxfQ/master.m3u8 200",
    "API key": "key avk_3f9a2b1c_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_what_looks_like_a_secret_is_found_and_what_was_redacted_is_not(tmp_path: Path, name: str) -> None:
    log = tmp_path / "api.log"
    log.write_text(f"fine\n{SHAPES[name]}\n", "utf-8")
    assert leaks_in(tmp_path, {}) == [f"api.log:2: {name}"]
    log.write_text(redact_text(SHAPES[name]), "utf-8")
    assert leaks_in(tmp_path, {}) == []


def test_each_secret_of_an_installation_is_found(tmp_path: Path) -> None:
    secrets = secrets_of(generate_credentials())
    for name, value in secrets.items():
        (tmp_path / "worker-1.log").write_text(f'{{"url": "x://{value}@host"}}\n', "utf-8")
        assert f"worker-1.log:1: {name}" in leaks_in(tmp_path, secrets)
    assert set(secrets) >= {"database_password", "aws_secret_access_key", "secret_key", "playback_secret", "api_key"}
