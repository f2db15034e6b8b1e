"""
Asks which of our pinned packages have known vulnerabilities: `python requirements/audit.py`.

All pins, Python's and npm's, go to the OSV database in one question (https://google.github.io/osv.dev/post-v1-querybatch/).
Without a network nothing is known and nothing fails: it says clearly that it could not look.
"""

# ruff: noqa: T201

from __future__ import annotations

import http.client
import json
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
OSV_URL = "https://api.osv.dev/v1/querybatch"
TIMEOUT_SECONDS = 10.0
PINNED = (
    "requirements/uv.txt",
    "requirements/dev.txt",
    "academyfront/package-lock.json",
    "apps/standalone/engines/sqs/package-lock.json",
)

ACCEPTED: Mapping[str, str] = {}
"""Vulnerabilities that do not concern us, by their id, and why not."""

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


class Pin(NamedTuple):
    """A package in the one version that we install."""

    ecosystem: str
    name: str
    version: str


def main(url: str = OSV_URL) -> int:
    """Print what is known, and return 1 if that is anything bad."""
    pins = sorted({pin for file in PINNED for pin in pins_of(ROOT / file)})
    try:
        found = vulnerabilities(pins, url=url)
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"Could not look for known vulnerabilities of {len(pins)} packages: {url} does not answer ({error}).")
        return 0
    bad = {pin: sorted(set(ids) - set(ACCEPTED)) for pin, ids in found.items() if set(ids) - set(ACCEPTED)}
    for pin, ids in bad.items():
        print(f"{pin.name} {pin.version} ({pin.ecosystem}): {', '.join(f'https://osv.dev/{one}' for one in ids)}")
    print(f"{len(pins)} packages looked up, {len(bad)} with known vulnerabilities, {len(ACCEPTED)} accepted by us.")
    return 1 if bad else 0


def pins_of(file: Path) -> Iterator[Pin]:
    """Return what a lock file pins."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".txt":
        yield from (Pin("PyPI", name.lower(), version) for name, version in _PIN.findall(text))
        return
    for place, package in json.loads(text)["packages"].items():
        if place and "version" in package:
            yield Pin("npm", package.get("name") or place.rpartition("node_modules/")[2], package["version"])


def vulnerabilities(pins: Sequence[Pin], *, url: str) -> dict[Pin, list[str]]:
    """
    Return the ids of the known vulnerabilities of those that have any.

    Raises:
        OSError, HTTPException: No answer.
        ValueError: Something else answered, or not for each of them.
    """
    queries = [{"package": {"name": pin.name, "ecosystem": pin.ecosystem}, "version": pin.version} for pin in pins]
    found: dict[Pin, list[str]] = {}
    # The database takes a thousand at a time.
    for start in range(0, len(queries), 1000):
        results = _ask(url, {"queries": queries[start : start + 1000]})
        for pin, result in zip(pins[start : start + 1000], results, strict=True):
            if ids := [str(one["id"]) for one in result.get("vulns", ())]:
                found[pin] = ids
    return found


def _ask(url: str, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(question).encode(), headers)  # noqa: S310 - https, or a test's
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        content = json.load(answer)
    if not isinstance(content, dict) or "results" not in content:
        raise ValueError("no results")
    results: list[dict[str, Any]] = content["results"]
    return results


if __name__ == "__main__":
    sys.exit(main())
