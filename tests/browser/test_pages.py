"""To everybody at the page: why, what happened, what may be settled, is everything flowing; and all can read it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import serious_findings
from tests.browser.conftest import sign_in
from tests.support.clips import make_clip
from tests.support.library import remove_seeded, seed_library
from tests.support.stack import Stack
from tests.support.waiting import wait_until

VIDEOS = "/api/v1/media/videos/"


def upload(stack: Stack, body: bytes, *, title: str, filename: str) -> int:
    fields = {"title": title, "filename": filename, "size_bytes": len(body), "session": "1주차"}
    ticket = stack.http.post(f"{VIDEOS}upload/init/", json=fields).json()
    sent = httpx.put(ticket["upload_url"], content=body, headers=ticket["upload"]["headers"], trust_env=False)
    assert sent.is_success
    stack.http.post(f"{VIDEOS}{ticket['video']['id']}/upload/complete/")
    return int(ticket["video"]["id"])


@pytest.fixture(scope="module")
def lecture(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A short video that is READY."""
    clip = make_clip(tmp_path_factory.mktemp("pages") / "lecture.mp4", seconds=6, width=640, height=360)
    video_id = upload(stack, clip.read_bytes(), title="1강 함수의 뜻", filename="1강 함수의 뜻.mp4")
    wait_until(
        lambda: stack.http.get(f"{VIDEOS}{video_id}/").json()["status"] == "READY",
        timeout_seconds=90,
        message="the lecture is READY",
    )
    return video_id


@pytest.fixture(scope="module")
def broken(stack: Stack) -> int:
    """A file that is no video."""
    return upload(stack, b"no video " * 500, title="깨진 파일", filename="broken.mp4")


@pytest.fixture(scope="module")
def shelf(stack: Stack) -> Iterator[list[int]]:
    report = stack.report()
    access = {"database_url": report["database_url"]}
    ids = seed_library(**access, tenant_code=report["tenant_code"], count=30, title="중등 수학", session="2주차")
    yield ids
    remove_seeded(**access, video_ids=ids)


def test_a_failed_video_says_why_and_shows_operators_what_was_seen(page: Page, stack: Stack, broken: int) -> None:
    page.goto(f"{stack.base_url}/videos/{broken}")
    expect(page.get_by_test_id("why-verdict")).to_contain_text("영상 파일이 아닙니다")
    expect(page.get_by_test_id("why-operator")).to_be_hidden()
    page.get_by_test_id("why-operator-toggle").click()
    expect(page.get_by_test_id("why-operator")).to_contain_text("INPUT_NOT_VIDEO")
    expect(page.get_by_test_id("timeline")).to_contain_text("파일을 받아들이지 못했습니다")


def test_a_ready_video_tells_its_story_and_gives_its_source_back(page: Page, stack: Stack, lecture: int) -> None:
    page.goto(f"{stack.base_url}/videos/{lecture}")
    expect(page.get_by_test_id("timeline")).to_contain_text("인코딩을 마쳤습니다")
    with page.expect_download() as saved:
        page.get_by_test_id("action-download").click()
    assert saved.value.suggested_filename == "1강 함수의 뜻.mp4"


def test_a_cancelled_video_offers_the_one_button_that_helps(page: Page, stack: Stack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "again.mp4", seconds=2, width=320, height=180)
    # A clip as short as this is finished before anybody could cancel it.
    stack.pause("worker")
    try:
        video_id = upload(stack, clip.read_bytes(), title="다시 할 영상", filename="again.mp4")
        assert stack.http.post(f"{VIDEOS}{video_id}/cancel/").status_code == 202
        page.goto(f"{stack.base_url}/videos/{video_id}")
        page.get_by_test_id("why-action").get_by_test_id("action-retry").click()
        expect(page.get_by_text("다시 인코딩을 시작했습니다")).to_be_visible()
        assert stack.http.get(f"{VIDEOS}{video_id}/").json()["status"] == "UPLOADED"
    finally:
        stack.resume("worker")
    stack.http.delete(f"{VIDEOS}{video_id}/").raise_for_status()


def test_the_storyboard_follows_the_mouse(page: Page, stack: Stack, lecture: int) -> None:
    page.goto(f"{stack.base_url}/?search=함수의 뜻")
    card = page.get_by_test_id("video-item")
    card.hover()
    expect(page.get_by_test_id("storyboard-peek")).to_be_visible()
    page.mouse.move(0, 0)
    expect(page.get_by_test_id("storyboard-peek")).to_have_count(0)


def test_an_owner_makes_a_key_sees_it_once_and_revokes_it(page: Page, stack: Stack) -> None:
    page.get_by_test_id("nav-settings").click()
    page.get_by_test_id("api-key-name").fill("백업 서버")
    page.get_by_test_id("api-key-issue").click()
    key = page.get_by_test_id("api-key-plaintext").inner_text().strip()
    bearer = {"Authorization": f"Bearer {key}"}
    address = f"{stack.base_url}{VIDEOS}"
    assert httpx.get(address, headers=bearer, trust_env=False).status_code == 200
    page.reload()
    row = page.get_by_test_id("api-key-row").filter(has_text="백업 서버")
    row.wait_for()
    assert key not in page.content()
    row.get_by_test_id("api-key-revoke").click()
    expect(row).to_have_attribute("data-revoked", "true")
    assert httpx.get(address, headers=bearer, trust_env=False).status_code == 401


def test_an_operator_sees_the_whole_line_and_looks_before_repairing(page: Page, lecture: int, broken: int) -> None:
    page.get_by_test_id("nav-operations").click()
    expect(page.get_by_test_id("ops-flow")).to_be_visible()
    # A worker that was stopped by another test is still remembered for a while.
    expect(page.get_by_test_id("worker-row").first).to_be_visible()
    page.get_by_test_id("look-V02").click()
    expect(page.get_by_test_id("dry-run")).to_contain_text("어긋난 것이 없습니다")
    page.keyboard.press("Escape")
    page.get_by_test_id("funnel-FAILED").click()
    expect(page.locator(f"[data-video-id='{broken}']")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    chromium: Browser, stack: Stack, lecture: int, broken: int, shelf: list[int], scheme: str
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="ko-KR", color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, stack)
    found: dict[str, list[str]] = {}
    places = {
        "/": "video-item",
        "/?session=2주차": "order-line",
        "/?search=없는영상": "library-nothing-found",
        f"/videos/{lecture}": "player",
        f"/videos/{broken}": "why",
        "/upload": "choose-files",
        "/settings": "members",
        "/operations": "throughput",
        "/nowhere": "state-not-found",
    }
    for path, mark in places.items():
        page.goto(stack.base_url + path)
        page.get_by_test_id(mark).first.wait_for()
        if findings := serious_findings(page):
            found[path] = findings
    context.close()
    assert found == {}


@pytest.mark.skipif("ACADEMY_PICTURES" not in os.environ, reason="takes pictures for the README when asked to")
def test_pictures(chromium: Browser, stack: Stack, lecture: int, broken: int, shelf: list[int]) -> None:
    folder = Path(os.environ["ACADEMY_PICTURES"])
    for locale, scheme, width, height, name in (
        ("ko-KR", "light", 1280, 800, "desktop-ko"),
        ("en-US", "dark", 1280, 800, "desktop-en"),
        ("ko-KR", "light", 390, 844, "phone-ko"),
        ("en-US", "light", 390, 844, "phone-en"),
    ):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        context.add_init_script(f"localStorage.setItem('academy.language', '{locale[:2]}')")
        page = context.new_page()
        sign_in_small(page, stack)
        for part, path, mark in (
            ("library", "/", "video-item"),
            ("session", "/?session=2주차", "order-line"),
            ("video", f"/videos/{lecture}", "player"),
            ("why", f"/videos/{broken}", "why"),
            ("settings", "/settings", "members"),
            ("operations", "/operations", "throughput"),
        ):
            page.goto(stack.base_url + path)
            page.get_by_test_id(mark).first.wait_for()
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"{part}-{name}.jpg", type="jpeg", quality=70)
        context.close()


def sign_in_small(page: Page, stack: Stack) -> None:
    """Sign in on a screen of any size: the phone's has no upload button with words."""
    report = stack.report()
    page.goto(report["base_url"])
    page.get_by_test_id("login-username").fill(report["web_user"])
    page.get_by_test_id("login-password").fill(report["web_password"])
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("account-menu").wait_for()
