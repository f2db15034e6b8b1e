"""
The library of an academy with very many videos, in a browser: how soon it is there, and whether it stutters.

Prints the time from opening the page to the first videos, the frames while the wheel turns for some seconds, how many
videos exist in the page at most, and the browser's heap before and after. The rows are made by one statement; they
have no pictures.

    python -m benchmarks.library [--videos 100000] [--seconds 20]
"""

import argparse
import itertools
import statistics
import time
from typing import Any

from playwright.sync_api import Page

from tests.browser.browser import launched_chromium, sign_in
from tests.support.library import seed_library
from tests.support.stack import Stack

ITEMS = "[data-testid=video-item]"
# One turn of a wheel, as often as a quick hand does it.
STEP_PIXELS, STEP_SECONDS = 400, 0.05

_COUNT_FRAMES = """() => {
    window.frameTimes = [];
    window.mostItems = 0;
    const step = (at) => {
        window.frameTimes.push(at);
        window.mostItems = Math.max(window.mostItems, document.querySelectorAll('[data-testid=video-item]').length);
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
}"""


def main() -> None:
    options = _options()
    stack = Stack().start()
    try:
        report = stack.report()
        began = time.monotonic()
        seed_library(database_url=report["database_url"], tenant_code=report["tenant_code"], count=options.videos)
        print(f"{options.videos} videos made in {time.monotonic() - began:.1f} s")
        with launched_chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            sign_in(page, stack)
            _open(page, stack, rounds=options.rounds)
            _scroll(page, seconds=options.seconds)
    finally:
        stack.close()


def _open(page: Page, stack: Stack, *, rounds: int) -> None:
    times = []
    for _ in range(rounds):
        began = time.monotonic()
        page.goto(stack.base_url, wait_until="commit")
        page.locator(ITEMS).first.wait_for()
        times.append(time.monotonic() - began)
    print(f"opened to first videos: {statistics.median(times):.2f} s (median of {rounds}, {min(times):.2f} at best)")


def _scroll(page: Page, *, seconds: float) -> None:
    heap_before = _heap_bytes(page)
    page.evaluate(_COUNT_FRAMES)
    page.mouse.move(640, 500)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        page.mouse.wheel(0, STEP_PIXELS)
        time.sleep(STEP_SECONDS)
    times: list[float] = page.evaluate("window.frameTimes")
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    late = [gap for gap in gaps if gap > 50]
    print(
        f"scrolled {page.evaluate('window.scrollY'):.0f} px in {seconds:.0f} s: {len(gaps) / seconds:.0f} frames/s, "
        f"p95 {gaps[int(len(gaps) * 0.95)]:.0f} ms, longest {gaps[-1]:.0f} ms, over 50 ms: {len(late)} of {len(gaps)}"
    )
    print(f"videos in the page at most: {page.evaluate('window.mostItems')}")
    print(f"heap {heap_before / 1e6:.0f} MB before, {_heap_bytes(page) / 1e6:.0f} MB after")


def _heap_bytes(page: Page) -> float:
    session: Any = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    return used


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
