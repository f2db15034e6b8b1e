"""
What "why is my video not ready?" costs over HTTP, warm, beside very many other videos, in each main state.

Every answer looks at the tables, and where it matters at storage (pending) or the queue (queued). The ready videos
are made by one statement; the others come to their states as they do for anybody, and the worker is frozen in its
encode, so that nothing but the api works while it is measured.

    python -m benchmarks.why [--videos 100000] [--requests 300]
"""

import argparse
import os
import signal
import statistics
import time
from typing import Any

import httpx
import psutil

from tests.support.library import seed_library
from tests.support.media import clip_folder, moving_picture, run_ffmpeg
from tests.support.stack import Stack
from tests.support.video_files import clip
from tests.support.waiting import wait_until

VIDEOS = "/api/v1/media/videos/"
WARM_UP_REQUESTS = 30


def main() -> None:
    options = _options()
    # A frozen worker keeps its job for as long as this takes.
    stack = Stack(variables={"ACADEMY_CALLS_PER_MINUTE": "1000000", "VIDEO_LEASE_SECONDS": "900"}).start()
    try:
        report = stack.report()
        ready = seed_library(
            database_url=report["database_url"], tenant_code=report["tenant_code"], count=options.videos
        )
        running = _uploaded(stack, _footage())
        wait_until(lambda: _why(stack, running)["cause_code"] == "ENCODING", timeout_seconds=60)
        _freeze(stack.processes()["worker-1"])
        states = {
            "pending": _announced(stack, clip()),
            "queued": _uploaded(stack, clip()),
            "running": running,
            "failed": _uploaded(stack, b"Monday: fractions\n" * 50),
            "ready": ready[len(ready) // 2],
        }
        print(f"{options.videos} videos, {options.requests} requests each, one after the other\n")
        print("| state | cause | p50 | p99 | most |\n|---|---|---|---|---|")
        for state, video_id in states.items():
            _measure(stack, state, video_id, requests=options.requests)
    finally:
        stack.close()


def _measure(stack: Stack, state: str, video_id: int, *, requests: int) -> None:
    for _ in range(WARM_UP_REQUESTS):
        cause = _why(stack, video_id)["cause_code"]
    times = []
    for _ in range(requests):
        began = time.monotonic()
        _why(stack, video_id)
        times.append((time.monotonic() - began) * 1000)
    p99 = statistics.quantiles(times, n=100)[98]
    print(f"| {state} | `{cause}` | {statistics.median(times):.0f} ms | {p99:.0f} ms | {max(times):.0f} ms |")


def _why(stack: Stack, video_id: int) -> dict[str, Any]:
    answer = stack.http.get(f"{VIDEOS}{video_id}/why/")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _announced(stack: Stack, body: bytes) -> int:
    return int(_ticket(stack, body)["video"]["id"])


def _uploaded(stack: Stack, body: bytes) -> int:
    ticket = _ticket(stack, body)
    headers = ticket["upload"]["headers"]
    assert httpx.put(ticket["upload_url"], content=body, headers=headers, trust_env=False).status_code == 200
    video_id = int(ticket["video"]["id"])
    assert stack.http.post(f"{VIDEOS}{video_id}/upload/complete/").status_code in {200, 422}
    return video_id


def _ticket(stack: Stack, body: bytes) -> dict[str, Any]:
    fields = {"title": "1강", "filename": "lecture.mp4", "size_bytes": len(body), "content_type": "video/mp4"}
    answer = stack.http.post(f"{VIDEOS}upload/init/", json=fields)
    assert answer.status_code == 201, answer.text
    ticket: dict[str, Any] = answer.json()
    return ticket


def _footage() -> bytes:
    """Return a film that takes a while to encode."""
    path = clip_folder() / "footage.mp4"
    run_ffmpeg(*moving_picture(seconds=60, size="1280x720", rate=25), "-c:v", "mpeg4", "-q:v", "20", str(path))
    return path.read_bytes()


def _freeze(pid: int) -> None:
    worker = psutil.Process(pid)
    for process in (worker, *worker.children(recursive=True)):
        os.kill(process.pid, signal.SIGSTOP)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main()
