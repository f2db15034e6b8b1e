"""Browsers signed in to whole installations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.browser import launched_chromium, sign_in
from tests.browser.uploading import VIDEOS, upload, wait_until_ready
from tests.support.clips import make_clip
from tests.support.ports import free_port_plan
from tests.support.stack import Stack
from tests.support.wire import Wire


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of this folder. Beside its event loop, which it takes along, Django refuses to work."""
    with launched_chromium() as browser:
        yield browser


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """An installation whose browsers reach storage over a line that tests can damage, hold and count on."""

    stack: Stack
    wire: Wire

    def open_tab(self, context: BrowserContext) -> Page:
        """Open the upload page in another tab of a browser, signed in."""
        tab = context.new_page()
        if not context.cookies():
            sign_in(tab, self.stack)
        tab.goto(f"{self.stack.base_url}/upload")
        tab.get_by_test_id("choose-files").wait_for()
        return tab


@pytest.fixture(scope="session")
def wired_installation() -> Iterator[Wired]:
    ports = free_port_plan()
    with Wire(target=f"http://127.0.0.1:{ports.s3}") as wire:
        stack = Stack(ports=ports, variables={"S3_PUBLIC_ENDPOINT_URL": wire.url})
        stack.start()
        yield Wired(stack=stack, wire=wire)
        stack.close()


@pytest.fixture
def wired(wired_installation: Wired) -> Iterator[Wired]:
    """Lines and counters as new; whatever a test has left unfinished is gone after it."""
    wired_installation.wire.renew()
    yield wired_installation
    wired_installation.wire.renew()
    pending = wired_installation.stack.http.get(VIDEOS, params={"status": "PENDING"}).json()["results"]
    for video in pending:
        wired_installation.stack.http.delete(f"{VIDEOS}{video['id']}/").raise_for_status()


@pytest.fixture(scope="session")
def lecture(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Half a minute that is READY."""
    clip = make_clip(tmp_path_factory.mktemp("lecture") / "lecture.mp4", seconds=30, width=640, height=360)
    video_id = upload(stack, clip.read_bytes(), title="1강 함수의 뜻", filename="1강 함수의 뜻.mp4")
    wait_until_ready(stack, video_id)
    return video_id


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    opened = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="ko-KR")
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def owner_session(chromium: Browser, stack: Stack) -> list[Any]:
    """The cookies of the seeded owner, who has signed in once for all tests."""
    opened = chromium.new_context(locale="ko-KR")
    sign_in(opened.new_page(), stack)
    cookies: list[Any] = opened.cookies()
    opened.close()
    return cookies


@pytest.fixture
def page(
    context: BrowserContext,
    stack: Stack,
    owner_session: list[Any],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Page]:
    """A page signed in to the installation. A failed test leaves `failure.png` in its folder."""
    context.add_cookies(owner_session)
    opened = context.new_page()
    opened.goto(stack.base_url)
    opened.get_by_test_id("account-menu").wait_for()
    failures = request.session.testsfailed
    yield opened
    if request.session.testsfailed > failures:
        opened.screenshot(path=tmp_path / "failure.png")
