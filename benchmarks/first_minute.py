"""
How long a new person's first minute is: from the end of the installation to watching their first video.

Does what docs/tutorial/first-minute.md says, in a browser, and prints when each step was done.

    python -m benchmarks.first_minute [--seconds 60]
"""

import argparse
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.browser import launched_chromium, sign_in
from tests.support.clips import make_clip
from tests.support.stack import Stack
from tests.support.waiting import wait_until

STEP_TIMEOUT_MS = 120_000
SECONDS_PLAYED = "document.querySelector('[data-testid=video-element]').currentTime"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long the video is")
    with tempfile.TemporaryDirectory() as scratch, launched_chromium() as chromium:
        film = make_clip(Path(scratch) / "1강.mp4", seconds=parser.parse_args().seconds, width=1280, height=720)
        stack = Stack()
        began = time.monotonic()
        try:
            stack.start()
            print(f"{time.monotonic() - began:5.1f} s  the address and the password are printed")
            _watch(chromium.new_page(), stack, film, began=began)
        finally:
            stack.close()


def _watch(page: Page, stack: Stack, film: Path, *, began: float) -> None:
    def say(step: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {step}")

    page.set_default_timeout(STEP_TIMEOUT_MS)
    sign_in(page, stack)
    say("signed in")
    page.get_by_test_id("nav-upload").click()
    page.get_by_test_id("file-input").first.set_input_files(film)
    page.get_by_test_id("upload-open-video").first.click()
    say(f"{film.stat().st_size / 1e6:.0f} MB are sent, the video's page is open")
    page.get_by_test_id("play-button").click()
    wait_until(lambda: page.evaluate(SECONDS_PLAYED) > 0.3, timeout_seconds=STEP_TIMEOUT_MS / 1000, message="it plays")
    say("it plays, as far as it is encoded")
    page.locator("[data-testid=video-page][data-status=READY]").wait_for()
    say("all of it is 시청 가능")


if __name__ == "__main__":
    main()
