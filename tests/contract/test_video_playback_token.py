"""Promises to whoever checks playback tokens elsewhere, such as an edge: these vectors hold on both sides."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.support.video.domain.errors import PlaybackTokenInvalid
from apps.support.video.domain.playback_token import PlaybackClaims, read_token, sign_token

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("playback_token_vectors.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["name"])
class TestValid:
    def test_signing_the_claims_gives_the_token(self, vector: dict[str, Any]) -> None:
        assert sign_token(PlaybackClaims(**vector["claims"]), secret=VECTORS["secret"]) == vector["token"]

    def test_reading_the_token_gives_the_claims(self, vector: dict[str, Any]) -> None:
        claims = read_token(vector["token"], secret=VECTORS["secret"], now_seconds=vector["now"])
        assert claims == PlaybackClaims(**vector["claims"])

    def test_the_token_fits_into_a_path_as_it_is(self, vector: dict[str, Any]) -> None:
        assert set(vector["token"]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: vector["name"])
def test_a_token_that_does_not_hold_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(PlaybackTokenInvalid):
        read_token(vector["token"], secret=VECTORS["secret"], now_seconds=vector["now"])
