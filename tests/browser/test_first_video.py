"""To a teacher: choose a file, see it go, see its status change by itself, press play, and it plays."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from libs.observability.tracing import trace_id_of
from tests.support.clips import make_clip
from tests.support.collector import Collector
from tests.support.parts import padded
from tests.support.stack import Stack
from tests.support.waiting import wait_until

UPLOAD_TIMEOUT_MS = 60_000
READY_TIMEOUT_MS = 120_000
NOTE_PROGRESS = """
    window.progressSaid = [];
    new MutationObserver(() => {
        const bar = document.querySelector("[data-testid=upload-progress]");
        const percent = bar === null ? null : Number(bar.getAttribute("aria-valuenow"));
        if (percent !== null && window.progressSaid.at(-1) !== percent) window.progressSaid.push(percent);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
"""
SCROLLS_SIDEWAYS = """() => [...document.querySelectorAll("html, main *")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .filter((one) => one.tagName === "HTML" || one.querySelector("table") !== null)
  .map((one) => `${one.tagName} ${one.className}`)"""
STATUS_WORDS = ("업로드 대기", "인코딩 대기", "인코딩 중", "시청 가능")


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough to go in parts, long enough to be seen encoding."""
    clip = make_clip(tmp_path_factory.mktemp("lecture") / "1강 소개.mp4", seconds=20, width=640, height=360)
    clip.write_bytes(padded(clip.read_bytes(), 17 * 1024**2))
    return clip


def choose(page: Page, file: Path) -> None:
    page.get_by_test_id("nav-upload").click()
    page.get_by_test_id("file-input").first.set_input_files(file)


def played_seconds(page: Page) -> float:
    seconds: float = page.evaluate("document.querySelector('[data-testid=video-element]')?.currentTime ?? 0")
    return seconds


def test_a_file_is_chosen_sent_encoded_and_played(page: Page, collector: Collector, lecture: Path) -> None:
    problems: list[str] = []
    places: set[str] = set()
    page.on("request", lambda request: places.update(filter(None, [request.headers.get("traceparent")])))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)

    # A fast machine sends it between two looks: the page itself notes what the bar has said.
    page.evaluate(NOTE_PROGRESS)
    choose(page, lecture)
    expect(page.get_by_test_id("upload-open-video").first).to_be_visible(timeout=UPLOAD_TIMEOUT_MS)
    said: list[int] = page.evaluate("window.progressSaid")
    assert len(said) > 1
    assert said == sorted(said)
    page.get_by_test_id("upload-open-video").first.click()

    badge = page.get_by_test_id("status-badge").first
    seen: list[str] = []

    def is_ready() -> bool:
        word = badge.inner_text().strip()
        if not seen or seen[-1] != word:
            seen.append(word)
        return word == "시청 가능"

    wait_until(is_ready, timeout_seconds=READY_TIMEOUT_MS / 1000, message=f"the page says 시청 가능 after {seen}")
    assert "인코딩 중" in seen
    assert [STATUS_WORDS.index(word) for word in seen] == sorted(STATUS_WORDS.index(word) for word in seen)

    page.get_by_test_id("play-button").click()
    wait_until(lambda: played_seconds(page) > 0.5, timeout_seconds=30, message="the video has begun to play")
    earlier = played_seconds(page)
    wait_until(lambda: played_seconds(page) > earlier + 1, timeout_seconds=30, message="currentTime advances")
    assert problems == []

    (place,) = places
    trace = collector.trace(trace_id_of(place), "upload/init/", "upload/complete/", "process job")
    called = {span.parent_id for name, span in trace.items() if name.startswith("POST ")}
    assert called == {place.split("-")[2]}, "both calls are of the one click"


def test_a_text_file_named_mp4_is_refused_with_its_reason(page: Page, tmp_path: Path) -> None:
    lie = tmp_path / "강의.mp4"
    lie.write_text("영상이 아닙니다 " * 100, encoding="utf-8")

    choose(page, lie)

    expect(page.get_by_text("영상 파일이 아닙니다").first).to_be_visible(timeout=UPLOAD_TIMEOUT_MS)


def test_the_page_speaks_english_too(page: Page) -> None:
    page.get_by_test_id("language-switch").click()
    expect(page.get_by_test_id("nav-upload")).to_contain_text("Upload")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_phone_needs_no_sideways_scrolling(page: Page, stack: Stack, language: str) -> None:
    """Neither of a page nor of a table in it, whatever it is that an operator and owner may see."""
    page.set_viewport_size({"width": 390, "height": 740})
    page.evaluate("language => localStorage.setItem('academy.language', language)", language)
    places = {
        "/": "video-item",
        "/settings": "member-row",
        "/operations": "worker-row",
        "/operations/videos?place=ready": "placed-video",
        "/operations/webhooks?group=active": "ops-webhooks-page",
    }
    too_wide = {}
    for path, mark in places.items():
        page.goto(stack.base_url + path)
        page.get_by_test_id(mark).first.wait_for()
        if found := page.evaluate(SCROLLS_SIDEWAYS):
            too_wide[path] = found
    assert too_wide == {}
