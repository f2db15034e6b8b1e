"""
What counting calls costs: the same cheap call to two api processes of one installation, one of which counts nobody.

Both are processes as `make run` starts them, over the same PostgreSQL with real commits; who goes first changes each
round. Several clients with one key are the worst case: all their calls move one row.

    python -m benchmarks.limiter [--rounds 7] [--requests 400]
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import httpx

from apps.standalone.credentials import load_or_create_credentials
from apps.standalone.launch import die_with_parent
from apps.standalone.paths import REPOSITORY
from apps.standalone.processes import Installation, api_command
from tests.support.library import seed_library
from tests.support.ports import free_port_plan
from tests.support.stack import Stack
from tests.support.waiting import wait_until

SETTINGS = {"with": "apps.api.config.settings.base", "without": "benchmarks.unlimited"}
CLIENTS = 8
WARM_UP_REQUESTS = 100


def main() -> None:
    options = _options()
    stack = Stack(workers=0, variables={"ACADEMY_CALLS_PER_MINUTE": "10000000"}).start()
    try:
        report = stack.report()
        (video,) = seed_library(database_url=report["database_url"], tenant_code=report["tenant_code"], count=1)
        path = f"/api/v1/media/videos/{video}/progress/"
        with _api(stack, SETTINGS["with"]) as counting, _api(stack, SETTINGS["without"]) as blind:
            _print(_measured(counting, blind, path=path, key=report["api_key"], options=options))
    finally:
        stack.close()


def _measured(
    counting: str, blind: str, *, path: str, key: str, options: argparse.Namespace
) -> dict[str, list[dict[str, float]]]:
    sides = {"with": counting, "without": blind}
    for base_url in sides.values():
        _one_by_one(base_url, path, key, requests=WARM_UP_REQUESTS)
    found: dict[str, list[dict[str, float]]] = {
        "p50 of one client, ms": [],
        f"requests/s of {CLIENTS} clients, one key": [],
    }
    orders = cycle([list(sides), list(sides)[::-1]])
    for _, order in zip(range(options.rounds), orders, strict=False):
        latency = {side: _one_by_one(sides[side], path, key, requests=options.requests) for side in order}
        rate = {side: _at_once(sides[side], path, key, requests=options.requests) for side in order}
        for figures, seen in zip(found.values(), (latency, rate), strict=True):
            figures.append(seen)
    return found


def _one_by_one(base_url: str, path: str, key: str, *, requests: int) -> float:
    """Return the median time of a call in milliseconds."""
    times = []
    with _client(base_url, key) as client:
        for _ in range(requests):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _at_once(base_url: str, path: str, key: str, *, requests: int) -> float:
    """Return how many calls a second several clients get answered."""
    each = requests // CLIENTS
    with ThreadPoolExecutor(CLIENTS) as pool:
        began = time.perf_counter()
        list(pool.map(lambda _: _one_by_one(base_url, path, key, requests=each), range(CLIENTS)))
        return each * CLIENTS / (time.perf_counter() - began)


def _print(found: dict[str, list[dict[str, float]]]) -> None:
    print("| figure | with | without | ratio, median | of the rounds |\n|---|---|---|---|---|")
    for name, rounds in found.items():
        ratios = [seen["with"] / seen["without"] for seen in rounds]
        middle = {side: statistics.median(seen[side] for seen in rounds) for side in SETTINGS}
        print(
            f"| {name} | {middle['with']:.1f} | {middle['without']:.1f} | {statistics.median(ratios):.2f} "
            f"| {min(ratios):.2f} to {max(ratios):.2f} |"
        )


@contextmanager
def _api(stack: Stack, settings: str) -> Iterator[str]:
    """Serve the installation's api once more, under other settings."""
    port = free_port_plan().web
    installation = Installation(
        home=stack.home,
        ports=stack.ports,
        credentials=load_or_create_credentials(stack.home),
        worker_count=0,
        variables=stack.environment(),
    )
    parent = os.getpid()
    process = subprocess.Popen(
        [sys.executable, *api_command(port=port)],
        cwd=REPOSITORY,
        env={**installation.environment(), "DJANGO_SETTINGS_MODULE": settings},
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509
    )
    base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _is_healthy(base_url), timeout_seconds=60, message=f"the api with {settings} is healthy")
        yield base_url
    finally:
        process.terminate()
        process.wait(20)


def _is_healthy(base_url: str) -> bool:
    try:
        return httpx.get(f"{base_url}/healthz", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _client(base_url: str, key: str) -> httpx.Client:
    headers: dict[str, Any] = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=400)
    return parser.parse_args()


if __name__ == "__main__":
    main()
