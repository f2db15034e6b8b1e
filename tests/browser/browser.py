"""Debian's chromium, and the way into an installation with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.stack import Stack

# The first is the same engine without a window's machinery: a page costs a third of the CPU time.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def launched_chromium() -> Iterator[Browser]:
    """Start the browser, and close it at the end."""
    executable = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert executable, f"a browser is needed: apt-get install {PROGRAMS[0]}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


def sign_in(page: Page, stack: Stack, *, username: str = "", password: str = "") -> None:
    """Sign in: as the seeded owner, unless somebody else is named. On a screen of any size."""
    report = stack.report()
    page.goto(report["base_url"])
    page.get_by_test_id("login-username").fill(username or report["web_user"])
    page.get_by_test_id("login-password").fill(password or report["web_password"])
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("account-menu").wait_for()
