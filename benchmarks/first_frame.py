"""A browser that asks for a video until there is something to see, and says when it has shown the first frame."""

import shutil
from pathlib import Path
from typing import Self

from playwright.sync_api import sync_playwright

from benchmarks.encoding_site import VIDEOS, Site
from tests.browser.browser import CHROMIUM_FLAGS

HLS = Path(__file__).resolve().parents[1] / "academyfront/node_modules/hls.js/dist/hls.min.js"
# Asked every tenth of a second, as somebody would who waits for nothing else.
SCRIPT = """async ([url, key]) => {
  const ask = (path) => fetch(url + path, {method: "POST", headers: {Authorization: "Bearer " + key}});
  const started = performance.now();
  await ask("upload/complete/");
  let granted;
  while (!(granted = await ask("playback/")).ok) await new Promise((wake) => setTimeout(wake, 100));
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  const hls = new Hls();
  hls.loadSource((await granted.json()).master_url);
  hls.attachMedia(video);
  await new Promise((shown) => { video.requestVideoFrameCallback(shown); video.play(); });
  const seconds = (performance.now() - started) / 1000;
  hls.destroy();
  video.remove();
  return seconds;
}"""


class Viewer:
    """Use as a context manager."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __enter__(self) -> Self:
        self._playwright = sync_playwright().start()
        executable = shutil.which("chromium") or shutil.which("chromium-browser")
        self._browser = self._playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_FLAGS))
        self._page = self._browser.new_page(bypass_csp=True)
        self._page.set_default_timeout(120_000)
        self._page.goto(f"{self._site.base_url}/healthz")
        self._page.add_script_tag(content=HLS.read_text(encoding="utf-8"))
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()

    def seconds_to_first_frame(self, video_id: int) -> float:
        """Complete an upload, and return how long it took until its first frame was shown."""
        url = f"{self._site.base_url}{VIDEOS}{video_id}/"
        seconds: float = self._page.evaluate(SCRIPT, [url, self._site.api_key])
        return seconds
