"""To whoever watches: where one left off, what is there already, and the rules that the video asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.browser import sign_in
from tests.browser.uploading import VIDEOS, upload
from tests.support.clip_store import encoded
from tests.support.stack import Stack
from tests.support.waiting import wait_until

STRICT = {"allow_skip": False, "max_speed": 1.25, "watermark": True}
FREE = {"allow_skip": True, "max_speed": 2, "watermark": False}
ADD_VIEWER = """async () => {
    const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
    const names = {username: "learner", display_name: "배우는 이"};
    const body = JSON.stringify({...names, password: "pw-for-learning-1", role: "viewer"});
    const headers = {"Content-Type": "application/json", "X-CSRFToken": token};
    return (await fetch("/api/v1/tenant/members/", {method: "POST", headers, body})).status;
}"""

CAPTION_TRACK = '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="words",NAME="한국어",LANGUAGE="ko",URI="words.m3u8"'
CAPTION_PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\nwords.vtt\n#EXT-X-ENDLIST\n"
CAPTIONS_ON_SCREEN = """() => [...document.querySelector("video").textTracks]
    .filter((track) => track.mode === "showing")
    .flatMap((track) => [...track.activeCues].map((cue) => cue.text))"""


@pytest.fixture
def strict_lecture(stack: Stack, lecture: int) -> Iterator[int]:
    address = f"{VIDEOS}{lecture}/"
    stack.http.patch(address, json={"policy": STRICT}).raise_for_status()
    yield lecture
    stack.http.patch(address, json={"policy": FREE}).raise_for_status()


@pytest.fixture
def learner(chromium: Browser, page: Page, stack: Stack) -> Iterator[Page]:
    """A page of somebody who may only watch."""
    assert page.evaluate(ADD_VIEWER) in {201, 409, 400}
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    sign_in(opened, stack, username="learner", password="pw-for-learning-1")
    yield opened
    context.close()


def seen(page: Page, name: str) -> Any:
    return page.evaluate(f"document.querySelector('[data-testid=video-element]').{name}")


def start(page: Page) -> None:
    page.get_by_test_id("play-button").click()
    wait_until(lambda: seen(page, "currentTime") > 0.3, timeout_seconds=30, message="it plays")


def test_a_viewer_is_held_to_the_rules_and_sees_no_door_that_is_not_theirs(
    learner: Page, stack: Stack, strict_lecture: int
) -> None:
    learner.goto(f"{stack.base_url}/videos/{strict_lecture}")
    expect(learner.get_by_test_id("watermark")).to_have_text("배우는 이 · learner")
    start(learner)
    learner.keyboard.press("9")
    expect(learner.get_by_test_id("player-notice")).to_contain_text("건너뛸 수 없습니다")
    assert seen(learner, "currentTime") < 10
    for _ in range(4):
        learner.keyboard.press(">")
    wait_until(lambda: seen(learner, "playbackRate") == 1.25, timeout_seconds=5, message="no faster than allowed")
    learner.get_by_test_id("speed-menu").click()
    assert learner.get_by_role("menuitemradio").all_inner_texts() == ["0.75배속", "보통", "1.25배속"]
    expect(learner.get_by_test_id("picture-in-picture")).to_have_count(0)
    expect(learner.get_by_test_id("edit-video")).to_have_count(0)
    for door in ("settings", "operations", "upload"):
        learner.goto(f"{stack.base_url}/{door}")
        expect(learner.get_by_test_id("state-forbidden")).to_be_visible()


def test_watching_goes_on_where_it_was_left(page: Page, stack: Stack, lecture: int) -> None:
    page.goto(f"{stack.base_url}/videos/{lecture}")
    start(page)
    page.keyboard.press("6")
    wait_until(lambda: seen(page, "currentTime") > 18.3, timeout_seconds=20, message="it plays on from there")
    page.keyboard.press("k")
    page.reload()
    expect(page.get_by_test_id("player-notice")).to_contain_text("0:18부터 이어 봅니다")
    assert seen(page, "currentTime") > 18
    page.get_by_test_id("from-start").click()
    wait_until(lambda: seen(page, "currentTime") == 0, timeout_seconds=10, message="back at the start")


def test_the_seek_bar_shows_what_is_there_and_qualities_can_be_chosen(page: Page, stack: Stack, lecture: int) -> None:
    page.goto(f"{stack.base_url}/videos/{lecture}")
    start(page)
    page.get_by_test_id("seek-bar").hover()
    preview = page.get_by_test_id("seek-preview")
    expect(preview.get_by_test_id("storyboard-tile")).to_be_visible()
    expect(preview).to_contain_text("0:1")
    page.get_by_test_id("quality-menu").click()
    page.get_by_role("menuitemradio").last.click()
    wait_until(lambda: seen(page, "videoHeight") < 360, timeout_seconds=20, message="the lowest quality")


def test_captions_of_a_stream_can_be_shown_and_hidden(page: Page, stack: Stack, lecture: int) -> None:
    """To whoever packages captions beside our renditions: the player offers every track of a stream by its name."""

    def answer_master(route: Route) -> None:
        master = route.fetch()
        text = master.text().replace("#EXT-X-STREAM-INF:", '#EXT-X-STREAM-INF:SUBTITLES="words",')
        route.fulfill(response=master, body=text.replace("#EXTM3U\n", f"#EXTM3U\n{CAPTION_TRACK}\n"))

    page.route("**/master.m3u8", answer_master)
    page.route("**/words.m3u8", lambda route: route.fulfill(body=CAPTION_PLAYLIST))
    page.route("**/words.vtt", lambda route: route.fulfill(body="WEBVTT\n\n00:00.000 --> 00:30.000\n함수의 뜻\n"))

    def words_on_screen() -> list[str]:
        words: list[str] = page.evaluate(CAPTIONS_ON_SCREEN)
        return words

    page.goto(f"{stack.base_url}/videos/{lecture}")
    start(page)
    assert words_on_screen() == []
    page.get_by_test_id("captions-menu").click()
    assert page.get_by_role("menuitemradio").all_inner_texts() == ["끄기", "한국어"]
    page.get_by_role("menuitemradio", name="한국어").click()
    wait_until(lambda: words_on_screen() == ["함수의 뜻"], timeout_seconds=20, message="the words are shown")
    page.get_by_test_id("captions-menu").click()
    expect(page.get_by_role("menuitemradio", name="한국어")).to_be_checked()
    page.get_by_role("menuitemradio", name="끄기").click()
    wait_until(lambda: words_on_screen() == [], timeout_seconds=5, message="they are hidden")


def test_a_teacher_sets_the_rules_at_the_video(page: Page, stack: Stack, lecture: int) -> None:
    page.goto(f"{stack.base_url}/videos/{lecture}")
    page.get_by_test_id("edit-video").click()
    page.get_by_test_id("policy-no-skip").check(force=True)
    page.get_by_test_id("policy-max-speed").select_option("1.5")
    page.get_by_test_id("edit-title").fill("1강 함수")
    page.get_by_test_id("edit-save").click()
    expect(page.get_by_text("저장했습니다", exact=True)).to_be_visible()
    expect(page.get_by_test_id("video-title")).to_have_text("1강 함수")
    expect(page.get_by_text("건너뛰기 막기 · 최대 1.5배속")).to_be_visible()
    found = stack.http.get(f"{VIDEOS}{lecture}/").json()["policy"]
    assert found == {"allow_skip": False, "max_speed": 1.5, "watermark": False}
    before = {"policy": FREE, "title": "1강 함수의 뜻"}
    stack.http.patch(f"{VIDEOS}{lecture}/", json=before).raise_for_status()


def test_what_is_encoded_can_be_watched_while_the_rest_is_not(page: Page, stack: Stack) -> None:
    # Long to encode, and yet small enough to go in one.
    picture = ("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=15:duration=90")
    small = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "42", "-pix_fmt", "yuv420p")
    clip = encoded("long.mp4", *picture, *small)
    video_id = upload(stack, clip.read_bytes(), title="아직 인코딩 중", filename="long.mp4")
    address = f"{VIDEOS}{video_id}/"
    wait_until(lambda: stack.http.get(address).json()["playable"], timeout_seconds=60, message="a part is playable")
    stack.pause("worker")
    try:
        assert stack.http.get(address).json()["status"] != "READY"
        page.goto(f"{stack.base_url}/videos/{video_id}")
        expect(page.get_by_test_id("playable-until")).to_contain_text("볼 수 있는 부분")
        start(page)
    finally:
        stack.http.delete(address).raise_for_status()
        stack.resume("worker")
