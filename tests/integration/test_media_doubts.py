"""Promises about probing where it is hard to tell: a doubt is no refusal, a disguise is, and little is read for it."""

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from libs.media.facts import MediaFacts, MediaLimits, MediaRejected
from libs.media.ffprobe import (
    FfprobeProber,
    ProbeCrashed,
    ProbeTimeout,
    ProbeTooLarge,
    SourceDenied,
    SourceGone,
    SourceStalled,
    SourceThrottled,
    SourceUnreadable,
)
from tests.support.canary import listening_canary
from tests.support.media import clip, moving_picture, run_ffmpeg
from tests.support.media_server import serving
from tests.support.video_files import sound_only

TIMEOUT_SECONDS = 20.0


def prober_of(*, ffprobe_path: str | None = None) -> FfprobeProber:
    return FfprobeProber(ffprobe_path=ffprobe_path, limits=MediaLimits())


def probe(body: bytes) -> MediaFacts:
    with serving(body) as media:
        return prober_of().probe(url=media.url, timeout_seconds=TIMEOUT_SECONDS)


def cause_against(body: bytes) -> str:
    with pytest.raises(MediaRejected) as refusal:
        probe(body)
    return refusal.value.cause_code


class TestDoubts:
    """To an uploader: when we do not know, we do not say that it is your file."""

    @pytest.mark.parametrize(
        ("status", "reason", "kind"),
        [
            (404, None, SourceGone),
            (403, None, SourceDenied),
            (429, None, SourceThrottled),
            (503, "Slow Down", SourceThrottled),
            (503, None, SourceUnreadable),
            (500, None, SourceUnreadable),
        ],
    )
    def test_storage_that_refuses(self, status: int, reason: str | None, kind: type[Exception]) -> None:
        with (
            serving(clip("tiny").read_bytes(), status=status, reason=reason) as media,
            pytest.raises(SourceUnreadable) as refusal,
        ):
            prober_of().probe(url=media.url, timeout_seconds=TIMEOUT_SECONDS)
        assert type(refusal.value) is kind

    def test_storage_that_accepts_and_says_nothing(self) -> None:
        started = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
            with pytest.raises(SourceStalled):
                prober_of().probe(url=url, timeout_seconds=0.5)
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize(
        ("script", "kind"),
        [
            ("kill -SEGV $$", ProbeCrashed),
            ("echo no json", ProbeCrashed),
            ("echo something unheard of >&2; exit 1", ProbeCrashed),
            ("echo 'Stream ends: Connection reset' >&2; exit 1", SourceUnreadable),
            ("echo 'http://127.0.0.1/source.mp4: I/O error' >&2; exit 1", SourceStalled),
            ("exec sleep 60", ProbeTimeout),
        ],
    )
    def test_a_probe_that_fails_in_its_own_way(self, tmp_path: Path, script: str, kind: type[Exception]) -> None:
        program = tmp_path / "ffprobe"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        with serving(clip("tiny").read_bytes()) as media, pytest.raises(kind):
            prober_of(ffprobe_path=str(program)).probe(url=media.url, timeout_seconds=1.0)


def hls(target: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}/a.ts\n#EXT-X-ENDLIST\n"


DISGUISED: dict[str, Callable[[str], str]] = {
    "hls behind a byte order mark": lambda target: "\ufeff" + hls(target),
    # Demuxers skip such a tag before they look at what a file is.
    "hls behind an ID3 tag": lambda target: "ID3\x03\0\0\0\0\0\x0a" + "\0" * 10 + hls(target),
    "dash behind a long comment": lambda target: (
        f'<?xml version="1.0"?>\n<!--{"x" * 5000}--><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
        f'bandwidth="1"><BaseURL>{target}/</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>'
    ),
}


class TestDisguises:
    """To whoever runs this inside a network: no upload makes our processes ask an address of its choice."""

    @pytest.mark.parametrize("name", DISGUISED)
    def test_a_playlist_in_disguise_is_refused_and_asks_nobody(self, name: str) -> None:
        with listening_canary() as canary:
            assert cause_against(DISGUISED[name](canary.url).encode()) in {"INPUT_SUSPICIOUS", "INPUT_NOT_VIDEO"}
        assert canary.requests == []


def test_a_songs_cover_is_no_picture_of_it(tmp_path: Path) -> None:
    cover, sound, song = tmp_path / "cover.jpg", tmp_path / "sound.mp4", tmp_path / "song.mp4"
    run_ffmpeg(*moving_picture(seconds=1, size="64x48", rate=1), "-frames:v", "1", str(cover))
    sound.write_bytes(sound_only())
    both = ("-i", str(sound), "-i", str(cover), "-map", "0", "-map", "1", "-c", "copy")
    run_ffmpeg(*both, "-disposition:v:0", "attached_pic", str(song))
    facts = probe(song.read_bytes())
    assert facts.video is None
    assert facts.audio is not None


def test_a_fragmented_file_is_not_read_whole(tmp_path: Path) -> None:
    """An hour of it would be 276 MB, for facts that stand at its start."""
    long = tmp_path / "fragmented.mp4"
    encoder = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-b:v", "3M")
    picture = moving_picture(seconds=40, size="640x360", rate=10)
    run_ffmpeg(*picture, *encoder, "-movflags", "frag_keyframe+empty_moov", str(long))
    with serving(long.read_bytes()) as media:
        facts = prober_of().probe(url=media.url, timeout_seconds=TIMEOUT_SECONDS)
    assert facts.fragmented
    assert len(media.body) > 8_000_000
    assert media.bytes_sent < len(media.body) / 2


def test_fragments_that_show_late_are_not_read_whole_either(tmp_path: Path) -> None:
    """Then ffprobe has been started already, and is started again."""
    content = clip("fragmented").read_bytes()
    padding = 100_000
    at = int.from_bytes(content[:4], "big")
    late = content[:at] + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8) + content[at:]
    with serving(late) as media:
        facts = prober_of().probe(url=media.url, timeout_seconds=TIMEOUT_SECONDS)
    assert (facts.fragmented, facts.duration_seconds) == (True, None)
    assert facts.video is not None


@pytest.mark.parametrize("name", ["small", "moov_first"])
def test_an_index_that_is_larger_than_may_be_fetched_is_left_to_the_worker(name: str) -> None:
    """To everybody else: one very long lecture does not hold the api's line to storage."""
    content = clip(name).read_bytes()
    prober = replace(prober_of(), largest_index_bytes=1000)
    with serving(content) as media, pytest.raises(ProbeTooLarge):
        prober.probe(url=media.url, timeout_seconds=TIMEOUT_SECONDS)
    assert prober_of().largest_index_bytes is None
