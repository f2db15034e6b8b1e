"""To whoever puts an edge before playback: it is tried with the api's own vectors, and R2 is set as the bucket is."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from libs.s3_client.provision import cors_rules

CLOUDFLARE = Path(__file__).resolve().parents[2] / "deploy/cloudflare"
NODE = Path(sys.executable).parent / "node"


def test_the_edge_holds_what_the_api_holds() -> None:
    done = subprocess.run(
        [str(NODE), "--test", "--test-reporter=tap", str(CLOUDFLARE / "playback.test.mjs")],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout


def test_the_worker_that_is_deployed_is_the_one_that_is_tried() -> None:
    settings = tomllib.loads((CLOUDFLARE / "wrangler.toml").read_text(encoding="utf-8"))
    assert (CLOUDFLARE / settings["main"]).exists()
    assert settings["main"] == "playback.mjs"
    assert [bucket["binding"] for bucket in settings["r2_buckets"]] == ["BUCKET"]


def test_the_buckets_cors_rules_are_those_that_provisioning_sets() -> None:
    (rule,) = json.loads((CLOUDFLARE / "r2-cors.json").read_text(encoding="utf-8"))["rules"]
    (ours,) = cors_rules(["https://video.example.com"])
    assert {
        "AllowedOrigins": rule["allowed"]["origins"],
        "AllowedMethods": rule["allowed"]["methods"],
        "AllowedHeaders": rule["allowed"]["headers"],
        "ExposeHeaders": rule["exposeHeaders"],
        "MaxAgeSeconds": rule["maxAgeSeconds"],
    } == ours
