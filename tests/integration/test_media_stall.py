"""Promises about an ffmpeg that hangs: it goes on talking, and is ended all the same."""

import time
from pathlib import Path

import pytest

from libs.media.ffmpeg import EncodeFailed, Ffmpeg
from libs.media.process import ProcessLimits, ProcessStalled, Watch, run_process
from tests.support.media import clip
from tests.support.media_server import serving

LIMITS = ProcessLimits(cpu_seconds=20, file_size_bytes=1_000_000, memory_bytes=256 * 1024**2)


def test_reports_that_repeat_themselves_are_no_movement() -> None:
    script = "while true; do echo frame=7; sleep 0.05; done"
    heard: list[str] = []

    def is_news(line: str) -> bool:
        heard.append(line)
        return heard.count(line) == 1

    watch = Watch(deadline_seconds=30, stall_seconds=0.5)
    with pytest.raises(ProcessStalled):
        run_process(["/bin/sh", "-c", script], limits=LIMITS, watch=watch, shows_movement=is_news)
    assert len(heard) > 3


def test_an_encode_whose_source_stops_coming_is_ended_as_stalled(tmp_path: Path) -> None:
    """ffmpeg 7 and later report twice a second that nothing has happened; an hour of that is no hour of work."""
    body = clip("moov_first").read_bytes()
    reached: list[float] = []
    started = time.monotonic()
    with serving(body, hangs_at=len(body) // 2) as media, pytest.raises(ProcessStalled):
        Ffmpeg().run(
            ["-seekable", "0", "-i", media.url, "-f", "null", "-"],
            watch=Watch(deadline_seconds=60, stall_seconds=2),
            cwd=tmp_path,
            on_progress=reached.append,
        )
    assert time.monotonic() - started < 15
    assert max(reached) > 1
    assert len(reached) > len(set(reached)), "it said the same again, or this test means nothing"


def test_a_source_that_stops_coming_is_not_a_file_that_was_cut(tmp_path: Path) -> None:
    """ffmpeg waits no longer than `-rw_timeout`, calls the rest a partial file, and returns 0."""
    body = clip("moov_first").read_bytes()
    with serving(body, hangs_at=len(body) // 2) as media, pytest.raises(EncodeFailed) as failure:
        Ffmpeg().run(
            ["-rw_timeout", "300000", "-seekable", "0", "-i", media.url, "-f", "null", "-"],
            watch=Watch(deadline_seconds=60, stall_seconds=30),
            cwd=tmp_path,
        )
    assert "partial file" in failure.value.detail
    assert (failure.value.cause_code, failure.value.is_files_fault) == ("SOURCE_STALLED", False)


def test_an_encode_that_is_slow_but_moves_is_left_alone(tmp_path: Path) -> None:
    Ffmpeg().run(
        ["-re", "-i", str(clip("tiny")), "-f", "null", "-"],
        watch=Watch(deadline_seconds=60, stall_seconds=1.5),
        cwd=tmp_path,
    )
