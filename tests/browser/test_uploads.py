"""To whoever uploads gigabytes over a line that breaks: what has arrived is not sent again, and all of it is right."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.browser.conftest import Wired
from tests.browser.uploading import VIDEOS
from tests.support.parts import MIB, PART_BYTES, crc, large_clip
from tests.support.video_files import clip
from tests.support.waiting import wait_until
from tests.support.wire import Gate

LANES = 4
LARGE_BYTES = 12 * PART_BYTES
LARGE_PARTS = 12
BYTES = 40 * MIB
PARTS = 5
SENT_TIMEOUT_MS = 60_000


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    (folder / "large.mp4").write_bytes(large_clip(LARGE_BYTES))
    (folder / "film.mp4").write_bytes(large_clip(BYTES))
    other = bytearray(large_clip(BYTES))
    other[BYTES // 2] ^= 1
    (folder / "other.mp4").write_bytes(other)
    (folder / "small.mp4").write_bytes(clip())
    return folder


def choose(tab: Page, film: Path) -> None:
    tab.get_by_test_id("file-input").set_input_files(film)


def item(tab: Page, phase: str | None = None) -> Any:
    wanted = f"[data-phase={phase}]" if phase else ""
    return tab.locator(f"[data-testid=upload-item]{wanted}").first


def send_a_part_of(film: Path, context: BrowserContext, wired: Wired, *, parts: int = 2) -> tuple[Page, Gate]:
    """Choose a film; return when storage has these parts and the lanes hold the next ones."""
    gate = wired.wire.rule = Gate(passing=parts)
    tab = wired.open_tab(context)
    choose(tab, film)
    wait_until(lambda: len(wired.wire.delivered) == parts, timeout_seconds=60, message=f"{parts} parts are there")
    return tab, gate


def wait_until_sent(tab: Page) -> int:
    """Wait until the server has accepted the upload; return its video."""
    expect(item(tab, "done")).to_be_visible(timeout=SENT_TIMEOUT_MS)
    href = item(tab).get_by_test_id("upload-open-video").get_attribute("href")
    assert href is not None
    return int(href.rpartition("/")[2])


def kill(tab: Page) -> None:
    """End the tab's process, as a crash or the system does: nothing of the page runs any more."""
    with tab.expect_event("crash"), contextlib.suppress(Error):
        tab.goto("chrome://crash")
    tab.close()


def stored_checksum(wired: Wired, video_id: int) -> str:
    """Ask storage for the CRC64NVME of a video's source."""
    report = wired.stack.report()
    s3 = boto3.client(
        "s3",
        endpoint_url=report["s3_endpoint"],
        aws_access_key_id=report["s3_access_key"],
        aws_secret_access_key=report["s3_secret_key"],
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    listed = s3.list_objects_v2(Bucket=report["bucket"], Prefix="tenants/")["Contents"]
    (key,) = [entry["Key"] for entry in listed if f"/raw/{video_id}/" in entry["Key"]]
    checksum: str = s3.head_object(Bucket=report["bucket"], Key=key, ChecksumMode="ENABLED")["ChecksumCRC64NVME"]
    return checksum


def status_of(wired: Wired, video_id: int) -> str:
    status: str = wired.stack.http.get(f"{VIDEOS}{video_id}/").json()["status"]
    return status


def newest(wired: Wired) -> list[int]:
    return [video["id"] for video in wired.stack.http.get(VIDEOS).json()["results"]]


def test_a_tab_killed_at_a_third_resumes_and_sends_at_most_one_part_a_lane_twice(
    context: BrowserContext, wired: Wired, films: Path
) -> None:
    film, line = films / "large.mp4", wired.wire
    tab, gate = send_a_part_of(film, context, wired, parts=LARGE_PARTS // 3)
    wait_until(lambda: len(line.puts) == LARGE_PARTS // 3 + LANES, timeout_seconds=60, message="all lanes are busy")
    kill(tab)
    gate.cut()

    back = wired.open_tab(context)
    offer = back.get_by_test_id("upload-offer")
    expect(offer).to_contain_text("33%")
    offer.get_by_test_id("resume-file-input").set_input_files(film)
    video_id = wait_until_sent(back)

    assert line.put_bytes - LARGE_BYTES <= LANES * PART_BYTES
    assert len(line.delivered) == LARGE_PARTS
    assert stored_checksum(wired, video_id) == crc(film.read_bytes())
    expect(back.get_by_test_id("upload-offer")).to_have_count(0)


def test_an_upload_goes_on_by_itself_after_twenty_seconds_offline(
    context: BrowserContext, wired: Wired, films: Path
) -> None:
    film, line = films / "film.mp4", wired.wire
    context.clock.install()
    tab, gate = send_a_part_of(film, context, wired)
    context.set_offline(True)
    # The browser stops what begins; what is on its way ends with the line.
    gate.cut()
    expect(item(tab, "waiting")).to_contain_text("인터넷 연결을 기다리는 중")
    tab.clock.fast_forward(20_000)
    expect(item(tab, "waiting")).to_be_visible()
    context.set_offline(False)

    video_id = wait_until_sent(tab)
    assert line.put_bytes - BYTES <= LANES * PART_BYTES
    assert stored_checksum(wired, video_id) == crc(film.read_bytes())


def test_a_tab_closed_after_the_last_byte_makes_a_video_all_the_same(
    context: BrowserContext, wired: Wired, films: Path
) -> None:
    tab = wired.open_tab(context)
    tab.route("**/upload/complete/", lambda _: None)
    with tab.expect_request("**/upload/complete/"):
        choose(tab, films / "film.mp4")
    assert len(wired.wire.delivered) == PARTS
    tab.close()
    (video_id, *_) = newest(wired)
    assert status_of(wired, video_id) == "PENDING"
    wait_until(lambda: status_of(wired, video_id) == "READY", timeout_seconds=120, message="the video is READY")


def test_a_paused_upload_sends_nothing_and_goes_on_from_there(
    context: BrowserContext, wired: Wired, films: Path
) -> None:
    film, line = films / "film.mp4", wired.wire
    tab, gate = send_a_part_of(film, context, wired)
    expect(item(tab).get_by_test_id("upload-progress")).to_be_visible()
    item(tab).get_by_test_id("upload-pause").click()
    expect(item(tab, "paused")).to_contain_text("40%")
    puts = len(line.puts)
    gate.cut()
    tab.get_by_test_id("language-switch").click()
    expect(item(tab, "paused")).to_contain_text("Paused")
    assert len(line.puts) == puts

    item(tab).get_by_test_id("upload-resume").click()
    video_id = wait_until_sent(tab)
    assert len(line.delivered) == PARTS
    assert line.put_bytes - BYTES <= LANES * PART_BYTES
    assert stored_checksum(wired, video_id) == crc(film.read_bytes())


def test_a_second_tab_says_that_the_first_is_at_it_and_takes_over_when_that_closes(
    context: BrowserContext, wired: Wired, films: Path
) -> None:
    film, line, before = films / "film.mp4", wired.wire, newest(wired)
    first, gate = send_a_part_of(film, context, wired)

    second = wired.open_tab(context)
    offer = second.get_by_test_id("upload-offer")
    expect(offer).to_contain_text("다른 탭에서 올리는 중")
    expect(offer.get_by_test_id("resume-upload")).to_have_count(0)
    choose(second, film)
    expect(item(second, "elsewhere")).to_contain_text("다른 탭에서 올리는 중")
    assert len(line.puts) <= PARTS
    first.close()
    gate.open()

    video_id = wait_until_sent(second)
    assert newest(wired) == [video_id, *before]
    assert line.put_bytes - BYTES <= LANES * PART_BYTES
    assert stored_checksum(wired, video_id) == crc(film.read_bytes())


def test_another_file_of_the_same_size_is_refused_with_words(
    context: BrowserContext, wired: Wired, films: Path
) -> None:
    line = wired.wire
    tab, gate = send_a_part_of(films / "film.mp4", context, wired)
    tab.close()
    gate.cut()
    puts = line.wait_until_silent()

    back = wired.open_tab(context)
    back.get_by_test_id("resume-file-input").set_input_files(films / "other.mp4")
    expect(back.get_by_test_id("resume-refusal")).to_contain_text("다른 파일입니다. 처음 고른 파일(film.mp4")
    expect(back.get_by_test_id("upload-item")).to_have_count(0)
    expect(back.get_by_test_id("upload-offer")).to_be_visible()
    assert len(line.puts) == puts


def test_where_the_browser_can_read_the_file_again_one_click_goes_on(
    context: BrowserContext, wired: Wired, films: Path
) -> None:
    film, line, gate = films / "film.mp4", wired.wire, Gate(passing=2)
    line.rule = gate
    tab = wired.open_tab(context)
    _picker_gives(tab, film)
    tab.get_by_test_id("choose-files").click()
    wait_until(lambda: len(line.delivered) == 2, timeout_seconds=30, message="two parts are there")
    tab.close()
    # Nothing more may arrive, by no second try of the browser either: with every part there, the server finishes the
    # upload, and nothing is left to offer.
    line.rule = lambda _: "cut"
    gate.cut()
    puts, arrived = line.wait_until_silent(), {put.part_number for put in line.delivered}
    line.rule = lambda _: "pass"

    back = wired.open_tab(context)
    expect(back.get_by_test_id("resume-upload")).to_have_text("이어서 올리기")
    back.get_by_test_id("resume-upload").click()
    video_id = wait_until_sent(back)
    assert not arrived & {put.part_number for put in line.puts[puts:]}
    assert stored_checksum(wired, video_id) == crc(film.read_bytes())


def _picker_gives(tab: Page, film: Path) -> None:
    """Have the browser's picker, which no test can operate, choose this file: by a true handle, of the page's disk."""
    tab.evaluate("document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 'film'}))")
    tab.locator("#film").set_input_files(film)
    tab.evaluate(
        """async () => {
            const file = document.querySelector('#film').files[0];
            const folder = await navigator.storage.getDirectory();
            const handle = await folder.getFileHandle(file.name, {create: true});
            await file.stream().pipeTo(await handle.createWritable());
            window.showOpenFilePicker = async () => [handle];
        }"""
    )


def test_a_part_damaged_on_the_wire_is_noticed_and_sent_again(
    context: BrowserContext, wired: Wired, films: Path
) -> None:
    film, line = films / "film.mp4", wired.wire
    line.rule = lambda put: "damage" if (put.part_number, put.try_number) == (3, 1) else "pass"
    tab = wired.open_tab(context)
    choose(tab, film)
    video_id = wait_until_sent(tab)
    assert sorted(put.part_number for put in line.puts) == [1, 2, 3, 3, 4, 5]
    assert stored_checksum(wired, video_id) == crc(film.read_bytes())


def test_a_small_file_damaged_on_the_wire_is_sent_again(context: BrowserContext, wired: Wired, films: Path) -> None:
    film, line = films / "small.mp4", wired.wire
    line.rule = lambda put: "damage" if put.try_number == 1 else "pass"
    tab = wired.open_tab(context)
    choose(tab, film)
    video_id = wait_until_sent(tab)
    assert [put.part_number for put in line.puts] == [0, 0]
    assert stored_checksum(wired, video_id) == crc(film.read_bytes())
