"""To everybody at the page: why, what happened, what may be settled, is everything flowing; and all can read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.axe import serious_findings
from tests.browser.browser import sign_in
from tests.browser.uploading import VIDEOS, upload
from tests.support.clips import make_clip
from tests.support.library import remove_seeded, seed_library
from tests.support.stack import Stack


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


def test_the_sources_of_many_are_downloaded_in_turn_and_what_has_none_says_so(
    page: Page, stack: Stack, lecture: int, broken: int, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "second.mp4", seconds=2, width=320, height=180)
    second = upload(stack, clip.read_bytes(), title="2강", filename="2강.mp4")
    page.goto(f"{stack.base_url}/?session=1주차")
    for video_id in (lecture, broken, second):
        page.locator(f"[data-video-id='{video_id}']").get_by_test_id("select-video").check()
    page.get_by_test_id("bulk-download").click()
    saved: list[str] = []
    page.on("download", lambda download: saved.append(download.suggested_filename))
    with page.expect_download(lambda download: download.suggested_filename == "2강.mp4"):
        page.get_by_test_id("bulk-download-start").click()
    lines = page.get_by_test_id("downloads")
    expect(lines.locator("[data-state=started]")).to_have_count(2)
    expect(lines.locator("[data-state=refused]")).to_have_count(1)
    expect(page.get_by_test_id("bulk-download-start")).to_have_count(0)
    assert saved == ["1강 함수의 뜻.mp4", "2강.mp4"]
    stack.http.delete(f"{VIDEOS}{second}/").raise_for_status()


def test_many_are_encoded_again_at_once(page: Page, stack: Stack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "many.mp4", seconds=2, width=320, height=180).read_bytes()
    stack.pause("worker")
    try:
        ids = [
            upload(stack, clip, title=f"되살릴 영상 {n}", filename="many.mp4", session="되살릴 차시") for n in (1, 2)
        ]
        for video_id in ids:
            assert stack.http.post(f"{VIDEOS}{video_id}/cancel/").status_code == 202
        page.goto(f"{stack.base_url}/?session=되살릴 차시")
        for number in (0, 1):
            page.get_by_test_id("select-video").nth(number).check()
        page.get_by_test_id("bulk-retry").click()
        expect(page.get_by_text("영상 2개를 처리했습니다")).to_be_visible()
        assert [stack.http.get(f"{VIDEOS}{one}/").json()["status"] for one in ids] == ["UPLOADED", "UPLOADED"]
    finally:
        stack.resume("worker")
    for video_id in ids:
        stack.http.delete(f"{VIDEOS}{video_id}/").raise_for_status()


def test_an_operator_repairs_what_the_look_has_found(page: Page, stack: Stack, lecture: int) -> None:
    stack.pause("reconciler")
    try:
        with psycopg.connect(stack.report()["database_url"]) as connection:
            connection.execute("UPDATE video SET status = 'PROCESSING' WHERE id = %s", [lecture])
        page.get_by_test_id("nav-operations").click()
        page.get_by_test_id("look-V05").click()
        expect(page.get_by_test_id("dry-run").get_by_role("link")).to_have_attribute("href", f"/videos/{lecture}")
        assert stack.http.get(f"{VIDEOS}{lecture}/").json()["status"] == "PROCESSING"
        page.get_by_test_id("repair").click()
        expect(page.get_by_text("1건 중 1건을 복구했습니다")).to_be_visible()
        assert stack.http.get(f"{VIDEOS}{lecture}/").json()["status"] == "READY"
    finally:
        stack.resume("reconciler")


def test_a_page_without_a_network_says_so_until_there_is_one(page: Page, context: BrowserContext) -> None:
    context.set_offline(True)
    expect(page.get_by_test_id("offline-banner")).to_be_visible()
    context.set_offline(False)
    expect(page.get_by_test_id("offline-banner")).to_be_hidden()


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
    expect(page.get_by_text("‘백업 서버’ 키를 폐기할까요?")).to_be_visible()
    assert httpx.get(address, headers=bearer, trust_env=False).status_code == 200
    page.get_by_test_id("api-key-revoke-confirm").click()
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


@pytest.mark.parametrize(
    ("language", "scheme", "width"), [("ko", "light", 1280), ("en", "dark", 1280), ("en", "light", 390)]
)
def test_axe_finds_nothing_serious_on_any_page(
    chromium: Browser,
    stack: Stack,
    lecture: int,
    broken: int,
    shelf: list[int],
    language: str,
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.add_init_script(f"localStorage.setItem('academy.language', '{language}')")
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
        "/operations/videos?place=failed": "placed-video",
        "/operations/webhooks?group=active": "ops-webhooks-page",
        "/nowhere": "state-not-found",
    }
    for path, mark in places.items():
        page.goto(stack.base_url + path)
        page.get_by_test_id(mark).first.wait_for()
        if findings := serious_findings(page):
            found[path] = findings
    context.close()
    assert found == {}
