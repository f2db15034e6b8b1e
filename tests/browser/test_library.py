"""To a teacher with many videos: find them, put them in order, do something with many at once, scroll to the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.library import remove_seeded, seed_library
from tests.support.stack import Stack
from tests.support.waiting import wait_until

VIDEOS = "/api/v1/media/videos/"
SHELF = "정돈할 차시"


@pytest.fixture
def seeded(stack: Stack) -> Iterator[list[int]]:
    """Six videos of one session, in its order."""
    report = stack.report()
    access = {"database_url": report["database_url"]}
    ids = seed_library(**access, tenant_code=report["tenant_code"], count=6, title="정돈", session=SHELF)
    yield ids
    remove_seeded(**access, video_ids=ids)


@pytest.fixture
def elsewhere(stack: Stack) -> Iterator[int]:
    """The one video of another session."""
    report = stack.report()
    access = {"database_url": report["database_url"]}
    ids = seed_library(**access, tenant_code=report["tenant_code"], count=1, title="저기", session="옮겨 갈 차시")
    yield ids[0]
    remove_seeded(**access, video_ids=ids)


@pytest.fixture(scope="module")
def crowd(stack: Stack) -> Iterator[list[int]]:
    """Two thousand videos: far more than a page of the api or of the screen."""
    report = stack.report()
    access = {"database_url": report["database_url"]}
    ids = seed_library(**access, tenant_code=report["tenant_code"], count=2000, title="많은", session="많은 차시")
    yield ids
    remove_seeded(**access, video_ids=ids)


def order_on_server(stack: Stack, session: str = SHELF) -> list[int]:
    found = stack.http.get(VIDEOS, params={"session": session}).json()["results"]
    return [video["id"] for video in found]


def order_on_page(page: Page) -> list[int]:
    """Return the rows as they stand on the screen; their order in the document says nothing."""
    tops: list[tuple[float, int]] = page.eval_on_selector_all(
        "[data-testid=order-line] [data-testid=video-item]",
        "rows => rows.map(row => [row.getBoundingClientRect().y, +row.dataset.videoId])",
    )
    return [video_id for _, video_id in sorted(tops)]


def open_session(page: Page, session: str = SHELF) -> None:
    page.get_by_test_id("library-session").select_option(f"={session}")
    page.get_by_test_id("order-line").nth(5).wait_for()


def move_by_key(page: Page, row: Locator, key: str, *, place: int, to: int) -> None:
    """Pick a row up, move it by one, and put it down, as a screen reader tells it."""
    told = page.locator("[id^=DndLiveRegion]")
    row.focus()
    page.keyboard.press("Space")
    expect(told).to_contain_text(f"{place}번째")
    page.keyboard.press(key)
    expect(told).to_contain_text(f"{to}번째 자리입니다")
    page.keyboard.press("Space")


def handle(page: Page, video_id: int) -> Locator:
    return page.locator(f"[data-video-id='{video_id}']").get_by_test_id("order-handle")


def middle(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: Locator, *, to: Locator, below_pixels: int = 4) -> None:
    """Take a row by its handle, and let it go over, or `below_pixels` below, the middle of something."""
    page.mouse.move(*middle(start))
    page.mouse.down()
    x, y = middle(to)
    page.mouse.move(x, y + below_pixels, steps=12)
    page.mouse.up()


def test_a_session_is_put_in_order_with_the_mouse(page: Page, stack: Stack, seeded: list[int]) -> None:
    page.reload()
    open_session(page)
    assert order_on_page(page) == seeded
    drag(page, handle(page, seeded[0]), to=handle(page, seeded[2]))
    expected = [seeded[1], seeded[2], seeded[0], *seeded[3:]]
    wait_until(lambda: order_on_server(stack) == expected, timeout_seconds=10, message="the server has the order")
    wait_until(lambda: order_on_page(page) == expected, timeout_seconds=10, message="the page shows the order")
    page.reload()
    page.get_by_test_id("order-line").nth(5).wait_for()
    assert order_on_page(page) == expected


def test_a_session_is_put_in_order_with_the_keyboard_and_told_to_a_screen_reader(
    page: Page, stack: Stack, seeded: list[int]
) -> None:
    page.reload()
    open_session(page)
    move_by_key(page, page.get_by_test_id("order-handle").nth(1), "ArrowUp", place=2, to=1)
    expected = [seeded[1], seeded[0], *seeded[2:]]
    wait_until(lambda: order_on_server(stack) == expected, timeout_seconds=10, message="the server has the order")


def test_a_row_dropped_after_the_last_one_ends_its_session(page: Page, stack: Stack, seeded: list[int]) -> None:
    page.reload()
    open_session(page)
    drag(page, handle(page, seeded[0]), to=handle(page, seeded[5]), below_pixels=60)
    by_mouse = [*seeded[1:], seeded[0]]
    wait_until(lambda: order_on_server(stack) == by_mouse, timeout_seconds=10, message="the first is the last")
    wait_until(lambda: order_on_page(page) == by_mouse, timeout_seconds=10, message="the page shows the order")

    move_by_key(page, handle(page, seeded[5]), "ArrowDown", place=5, to=6)
    by_keyboard = [*seeded[1:5], seeded[0], seeded[5]]
    wait_until(lambda: order_on_server(stack) == by_keyboard, timeout_seconds=10, message="another one is the last")


def test_a_row_is_dragged_further_than_the_page_has_loaded(page: Page, stack: Stack, crowd: list[int]) -> None:
    """To a teacher with a session of thousands: what was picked up pages ago still arrives."""
    page.goto(f"{stack.base_url}/?session=많은 차시")
    page.mouse.move(*middle(handle(page, crowd[0])))
    page.mouse.down()
    page.mouse.move(640, 400, steps=4)

    def is_pages_away() -> bool:
        page.mouse.wheel(0, 3000)
        shown = order_on_page(page)
        return bool(shown) and shown[0] > crowd[180]

    wait_until(is_pages_away, timeout_seconds=30, message="pages further down")
    page.mouse.move(640, 420, steps=4)
    page.mouse.up()
    wait_until(lambda: crowd[0] in order_on_page(page), timeout_seconds=10, message="it stands where it was let go")
    wait_until(
        lambda: order_on_server(stack, "많은 차시")[0] == crowd[1], timeout_seconds=10, message="and not where it was"
    )


def test_a_video_is_dragged_to_another_session(page: Page, stack: Stack, seeded: list[int], elsewhere: int) -> None:
    page.reload()
    open_session(page)
    start = page.get_by_test_id("order-handle").nth(1).bounding_box()
    assert start
    page.mouse.move(start["x"] + 10, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(start["x"] + 30, start["y"] + 30, steps=4)
    target = page.get_by_test_id("session-targets").locator("[data-session='옮겨 갈 차시']")
    end = target.bounding_box()
    assert end
    page.mouse.move(end["x"] + 40, end["y"] + 15, steps=12)
    expect(target).to_have_attribute("data-over", "true")
    page.mouse.up()
    expect(page.get_by_text("‘옮겨 갈 차시’(으)로 옮겼습니다")).to_be_visible()
    assert order_on_server(stack, "옮겨 갈 차시") == [elsewhere, seeded[1]]
    expect(page.get_by_test_id("order-line")).to_have_count(5)


def test_many_are_moved_and_deleted_at_once(page: Page, stack: Stack, seeded: list[int]) -> None:
    page.reload()
    open_session(page)
    for number in (0, 3):
        page.get_by_test_id("select-video").nth(number).check()
    expect(page.get_by_test_id("bulk-bar")).to_contain_text("2개 선택")
    page.get_by_test_id("bulk-move").click()
    page.get_by_test_id("move-session").fill("다른 차시")
    page.get_by_test_id("move-confirm").click()
    moved = [seeded[0], seeded[3]]
    wait_until(lambda: order_on_server(stack, "다른 차시") == moved, timeout_seconds=10, message="they have moved")
    expect(page.get_by_test_id("order-line")).to_have_count(4)

    page.get_by_test_id("select-video").nth(0).check()
    page.get_by_test_id("bulk-delete").click()
    page.get_by_test_id("bulk-delete-confirm").click()
    expect(page.get_by_test_id("order-line")).to_have_count(3)
    assert order_on_server(stack) == [seeded[2], seeded[4], seeded[5]]


def test_many_get_their_rules_at_once_and_each_that_cannot_says_why(
    page: Page, stack: Stack, seeded: list[int]
) -> None:
    page.reload()
    open_session(page)
    for number in (0, 1, 2):
        page.get_by_test_id("select-video").nth(number).check()
    page.get_by_test_id("bulk-policy").click()
    page.get_by_test_id("policy-no-skip").check(force=True)
    page.get_by_test_id("policy-max-speed").select_option("1.5")
    stack.http.delete(f"{VIDEOS}{seeded[1]}/").raise_for_status()
    page.get_by_test_id("bulk-policy-confirm").click()
    expect(page.get_by_text("영상 2개를 처리했습니다")).to_be_visible()
    expect(page.get_by_text("‘정돈 2강’: 그런 영상이 없습니다")).to_be_visible()
    expect(page.get_by_test_id("bulk-bar")).to_contain_text("1개 선택")
    expected = {"allow_skip": False, "max_speed": 1.5, "watermark": False}
    assert [stack.http.get(f"{VIDEOS}{seeded[one]}/").json()["policy"] for one in (0, 2)] == [expected, expected]

    page.reload()
    for number in (0, 2):
        page.get_by_test_id("select-video").nth(number).check()
    page.get_by_test_id("bulk-policy").click()
    expect(page.get_by_text("지금은 영상마다 규칙이 다릅니다")).to_be_visible()


def test_what_cannot_be_done_says_why_and_stays_marked(page: Page, stack: Stack) -> None:
    body = {"title": "아직 안 올린 영상", "filename": "a.mp4", "size_bytes": 1000}
    video_id = stack.http.post(f"{VIDEOS}upload/init/", json=body).json()["video"]["id"]
    try:
        page.goto(f"{stack.base_url}/?search=아직 안")
        page.get_by_test_id("video-item").hover()
        page.get_by_test_id("select-video").check()
        page.get_by_test_id("bulk-retry").click()
        expect(page.get_by_text("1개는 그대로 두었습니다")).to_be_visible()
        expect(page.get_by_test_id("bulk-bar")).to_contain_text("1개 선택")
    finally:
        stack.http.delete(f"{VIDEOS}{video_id}/").raise_for_status()


def test_a_list_of_thousands_keeps_only_what_is_in_view(page: Page, stack: Stack, crowd: list[int]) -> None:
    page.goto(f"{stack.base_url}/?search=많은")
    items = page.get_by_test_id("video-item")
    items.first.wait_for()
    seen: set[int] = set()

    def has_seen_the_last() -> bool:
        shown = page.eval_on_selector_all("[data-testid=video-item]", "all => all.map(one => +one.dataset.videoId)")
        assert len(shown) < 100
        seen.update(shown)
        page.mouse.wheel(0, 2500)
        return crowd[0] in seen

    # Row 1 is the newest of the seeded: ids grow with age here, and the list goes by id from the newest.
    wait_until(has_seen_the_last, timeout_seconds=90, message="the end of the list")
    expect(page.get_by_test_id("library-count")).to_contain_text("2,000")
    page.evaluate("window.scrollTo(0, 0)")
    expect(page.locator(f"[data-video-id='{crowd[-1]}']")).to_be_visible()


def test_a_filter_survives_a_reload_and_nothing_found_can_be_undone(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.base_url}/")
    page.get_by_test_id("filter-FAILED").click()
    page.get_by_test_id("library-search").fill("그런 영상은 없다")
    page.get_by_test_id("library-nothing-found").wait_for()
    page.reload()
    page.get_by_test_id("library-nothing-found").get_by_role("button").click()
    expect(page.get_by_test_id("filter-all")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("library-search")).to_have_value("")
