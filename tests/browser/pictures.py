"""
Takes the pictures of the README: `python -m tests.browser.pictures docs/images`.

It starts an installation of its own with a small library, and leaves nothing behind but the pictures.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

from tests.browser.browser import launched_chromium, sign_in
from tests.browser.uploading import upload, wait_until_ready
from tests.support.library import seed_library
from tests.support.media import run_ffmpeg
from tests.support.stack import Stack
from tests.support.waiting import wait_until

JPEG_QUALITY = 55


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """On what the pictures are taken, and what is added to their names."""

    suffix: str
    language: Literal["ko", "en"]
    scheme: Literal["light", "dark"] = "light"
    width: int = 1280
    height: int = 800


SCREENS = (
    Screen(suffix="", language="ko"),
    Screen(suffix="-en", language="en", scheme="dark"),
    Screen(suffix="-phone", language="ko", width=390, height=844),
    Screen(suffix="-phone-en", language="en", width=390, height=844),
)


def main() -> None:
    """Take all pictures into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    stack = Stack().start()
    try:
        places = fill(stack)
        with launched_chromium() as chromium:
            for screen in SCREENS:
                take(chromium, stack, screen, places, folder)
    finally:
        stack.close()


def fill(stack: Stack) -> dict[str, tuple[str, str]]:
    """Make a small library, and return for each picture its address and what must be there before it is taken."""
    report = stack.report()
    access = {"database_url": report["database_url"], "tenant_code": report["tenant_code"]}
    seed_library(**access, count=9, title="중등 수학", session="2주차")
    upload(stack, b"no video " * 500, title="깨진 파일", filename="broken.mp4")
    rules = {"allow_skip": False, "max_speed": 1.5, "watermark": True}
    lectures = [
        upload(stack, board(number), title=title, filename=f"{title}.mp4", policy=rules)
        for number, title in enumerate(("3강 이차함수의 그래프", "2강 일차함수", "1강 함수의 뜻"))
    ]
    for lecture in lectures:
        wait_until_ready(stack, lecture)
    return {
        "library": ("/", "video-item"),
        "session": ("/?session=2주차", "order-line"),
        "video": (f"/videos/{lectures[-1]}", "player"),
        "operations": ("/operations", "throughput"),
    }


def board(number: int) -> bytes:
    """Make a lecture of half a minute: a curve drawn on a dark board."""
    colours = ("0x1d3b2f", "0x22304f", "0x3a2a3f")
    curve = f"geq=lum='if(lt(abs(Y-180+90*sin((X+T*40)/{60 + number * 25})),3),230,lum(X,Y))':cb=128:cr=128"
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "board.mp4"
        picture = ("-f", "lavfi", "-i", f"color={colours[number]}:size=640x360:rate=15:duration=30")
        run_ffmpeg(*picture, "-vf", curve, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(path))
        return path.read_bytes()


def take(chromium: Browser, stack: Stack, screen: Screen, places: dict[str, tuple[str, str]], folder: Path) -> None:
    """Take every picture on one screen."""
    context = chromium.new_context(
        viewport={"width": screen.width, "height": screen.height}, color_scheme=screen.scheme
    )
    context.add_init_script(f"localStorage.setItem('academy.language', '{screen.language}')")
    page = context.new_page()
    sign_in(page, stack)
    for name, (path, mark) in places.items():
        page.goto(stack.base_url + path)
        page.get_by_test_id(mark).first.wait_for()
        settle(page)
        page.screenshot(path=folder / f"{name}{screen.suffix}.jpg", type="jpeg", quality=JPEG_QUALITY)
    context.close()


def settle(page: Page) -> None:
    """Wait until pictures and fonts are there. The stream of events stays open: the network is never idle."""
    loaded = "[...document.images].every((picture) => picture.complete)"
    wait_until(lambda: page.evaluate(loaded), timeout_seconds=10, message="the pictures are there")
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main()
