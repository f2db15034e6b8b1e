"""Debian's chromium, driven by Playwright against a whole installation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.stack import Stack

CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    assert executable, "chromium is needed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    opened = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="ko-KR")
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page signed in to the installation. A failed test leaves `failure.png` in its folder."""
    opened = context.new_page()
    sign_in(opened, stack)
    failures = request.session.testsfailed
    yield opened
    if request.session.testsfailed > failures:
        opened.screenshot(path=tmp_path / "failure.png")


def sign_in(page: Page, stack: Stack) -> None:
    """Sign in as the seeded user."""
    report = stack.report()
    page.goto(report["base_url"])
    page.get_by_test_id("login-username").fill(report["web_user"])
    page.get_by_test_id("login-password").fill(report["web_password"])
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("nav-upload").wait_for()
