"""
To whoever watches: the player that we ship plays every rendition of a package to its end, without a hole.

hls.js is the second of two independent readers of our playlists and segments; ffmpeg, in the encoder's tests, is the
first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from apps.standalone.paths import REPOSITORY
from apps.support.video import wiring
from tests.support.attempts import encode
from tests.support.clip_store import encoded
from tests.support.media import clip

HLS = REPOSITORY / "academyfront/node_modules/hls.js/dist/hls.min.js"
ORIGIN = "http://package.test"
PLAY = """async (level) => {
  const hls = new Hls({startLevel: level}), video = document.body.appendChild(document.createElement("video"));
  const errors = [], played = new Promise((end, broken) => {
    video.onended = end;
    hls.on(Hls.Events.ERROR, (_, {type, details, fatal}) => {
      // A busy machine cannot always decode eight seconds in one; a hole would show in what is buffered.
      if (fatal || details !== Hls.ErrorDetails.BUFFER_STALLED_ERROR) errors.push(`${type} ${details}`);
      if (fatal) broken(new Error(errors.join()));
    });
  });
  video.muted = true;
  hls.loadSource("/master.m3u8");
  hls.attachMedia(video);
  await new Promise((parsed) => hls.once(Hls.Events.MANIFEST_PARSED, parsed));
  const levels = hls.levels.length;
  hls.loadLevel = level;
  video.playbackRate = 8;
  video.play();
  await played;
  const ranges = [...Array(video.buffered.length).keys()].map((n) => [video.buffered.start(n), video.buffered.end(n)]);
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  const result = {levels, errors, ranges, frames, seconds: video.duration, height: video.videoHeight};
  hls.destroy();
  video.remove();
  return result;
}"""


def _late_and_rare_frames() -> Path:
    """A screen recording whose picture comes late, with frames seconds apart, across three joints."""
    picture = ("-itsoffset", "0.7", "-f", "lavfi", "-i", "testsrc2=duration=70:size=256x144:rate=25")
    rare = ("-vf", "select='not(mod(n,77))+gt(n,1700)'", "-fps_mode", "vfr")
    sound = ("-f", "lavfi", "-i", "sine=sample_rate=44100:duration=70", "-map", "0", "-map", "1")
    return encoded("late.mp4", *picture, *sound, *rare, "-c:v", "libx264", "-g", "800", "-pix_fmt", "yuv420p")


SOURCES: dict[str, Callable[[], Path]] = {
    "copied": lambda: clip("phone"),
    "chunked": lambda: clip("talk"),
    "late and rare frames": _late_and_rare_frames,
    "silent": lambda: clip("silent"),
    "sound alone": lambda: encoded("sound.mp4", "-i", str(clip("phone")), "-vn", "-c", "copy"),
}


def served(folder: Path) -> Callable[[Route], None]:
    """Return a handler that serves a folder by range, and a page without anything at its root."""

    def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if not name:
            route.fulfill(body="<!doctype html>", content_type="text/html")
            return
        body = (folder / name).read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", route.request.headers.get("range", ""))
        part = body[int(asked[1]) : int(asked[2]) + 1] if asked else body
        route.fulfill(status=206 if asked else 200, body=part)

    return serve


@pytest.mark.parametrize("name", SOURCES)
def test_every_rendition_plays_to_its_end_without_a_hole(
    chromium: Browser, s3_engine: None, tmp_path: Path, name: str
) -> None:
    package = encode(wiring.storage(), SOURCES[name](), folder=tmp_path)
    page = chromium.new_page()
    page.route("**/*", served(package.folder))
    page.goto(f"{ORIGIN}/")
    page.add_script_tag(content=HLS.read_text(encoding="utf-8"))
    renditions = package.output.renditions
    for level in range(max(1, len(renditions))):
        result: dict[str, Any] = page.evaluate(PLAY, level)
        assert result["errors"] == []
        assert result["levels"] == max(1, len(renditions))
        assert result["seconds"] == pytest.approx(package.output.duration_seconds, abs=0.1)
        ((start, end),) = result["ranges"]
        assert start == pytest.approx(0, abs=0.05)
        assert end == pytest.approx(package.output.duration_seconds, abs=0.1)
    page.close()
