"""Promises about what is kept between two runs, and about trying again."""

import re
import threading
from pathlib import Path

import pytest
from academy_video.errors import Busy, Interrupted
from academy_video.resume import Left, resume_file
from academy_video.retry import LONGEST_PAUSE_SECONDS, TryAgain, pause_seconds, with_retries
from academy_video.source import Fingerprint

FILE = Fingerprint(path="/videos/a.mp4", size_bytes=10, modified_ns=1)
URL = "https://video.example.com"


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    with resume_file(FILE, base_url=URL, folder=tmp_path) as kept:
        assert kept.read() is None
        left = kept.begin()
        left.video_id = 7
        kept.write(left)
    with resume_file(FILE, base_url=URL, folder=tmp_path) as kept:
        assert kept.read() == Left(idempotency_key=left.idempotency_key, video_id=7, traceparent=left.traceparent)
        kept.forget()
        assert kept.read() is None


def test_an_upload_is_one_trace_in_all_its_runs_and_a_fresh_one_where_none_was_kept(tmp_path: Path) -> None:
    with resume_file(FILE, base_url=URL, folder=tmp_path) as kept:
        begun = kept.begin().traceparent
        assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01", begun)
        left = kept.read()
        assert left is not None
        assert left.traceparent == begun
        (path,) = tmp_path.glob("*.json")
        path.write_text('{"idempotency_key": "k", "video_id": 7}')
        older = kept.read()
        assert older is not None
        assert older.traceparent not in ("", begun)


@pytest.mark.parametrize(
    "other",
    [
        Fingerprint(path="/videos/b.mp4", size_bytes=10, modified_ns=1),
        Fingerprint(path="/videos/a.mp4", size_bytes=11, modified_ns=1),
        Fingerprint(path="/videos/a.mp4", size_bytes=10, modified_ns=2),
    ],
)
def test_another_file_is_another_upload(tmp_path: Path, other: Fingerprint) -> None:
    with resume_file(FILE, base_url=URL, folder=tmp_path) as kept:
        kept.begin()
        with resume_file(other, base_url=URL, folder=tmp_path) as others:
            assert others.read() is None
        with resume_file(FILE, base_url="https://other.example.com", folder=tmp_path) as elsewhere:
            assert elsewhere.read() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"video_id": 1}', "\x00"])
def test_what_cannot_be_read_counts_as_nothing(tmp_path: Path, content: str) -> None:
    with resume_file(FILE, base_url=URL, folder=tmp_path) as kept:
        kept.begin()
        (path,) = tmp_path.glob("*.json")
        path.write_text(content)
        assert kept.read() is None


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        resume_file(FILE, base_url=URL, folder=tmp_path),
        pytest.raises(Busy),
        resume_file(FILE, base_url=URL, folder=tmp_path),
    ):
        raise AssertionError("both hold it")
    with resume_file(FILE, base_url=URL, folder=tmp_path):
        pass


def test_pauses_grow_and_keep_within_bounds() -> None:
    for attempt in range(30):
        pause = pause_seconds(attempt, asked_for=None)
        longest = min(LONGEST_PAUSE_SECONDS, 0.5 * 2**attempt)
        assert longest / 2 <= pause <= longest
    assert pause_seconds(0, asked_for=3.0) == 3.0
    assert pause_seconds(0, asked_for=3600.0) == LONGEST_PAUSE_SECONDS


def test_it_is_tried_until_it_works_or_the_tries_are_used_up() -> None:
    failures = [TryAgain("a", after_seconds=0.0), TryAgain("b", after_seconds=0.0)]

    def call() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert with_retries(call, stop=threading.Event(), tries=3) == "done"
    failures += [TryAgain("c", after_seconds=0.0) for _ in range(3)]
    with pytest.raises(TryAgain):
        with_retries(call, stop=threading.Event(), tries=3)


def test_who_was_told_to_stop_does_not_try_again() -> None:
    stop = threading.Event()

    def call() -> None:
        stop.set()
        raise TryAgain("down", after_seconds=3600.0)

    with pytest.raises(Interrupted):
        with_retries(call, stop=stop, tries=3)
