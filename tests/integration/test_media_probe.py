"""Promises about hostile and odd files: refused with the right reason, in bounded time, and nobody else is asked."""

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.support.video import wiring
from libs.media.binaries import find_binary
from libs.media.facts import MediaFacts, MediaLimits, MediaRejected
from libs.media.ffprobe import (
    FfprobeProber,
    ProbeTimeout,
    SourceChanged,
    SourceGone,
    SourceUnreadable,
    input_options,
)
from libs.s3_client.client import S3Storage
from tests.support.canary import Canary, listening_canary
from tests.support.media import clip, cut, encrypted

Put = Callable[[bytes], str]
PROBER = FfprobeProber(ffprobe_path=None, limits=MediaLimits())


@pytest.fixture(scope="module")
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


@pytest.fixture
def put(storage: S3Storage) -> Put:
    """Store a file as an upload called .mp4 and return the URL by which a worker reads it."""

    def store(body: bytes) -> str:
        key = f"tenants/1/video/raw/1/{uuid.uuid4()}.mp4"
        storage.write_bytes(key, body, content_type="video/mp4")
        return storage.presign_get(key, expires_seconds=60)

    return store


@pytest.fixture
def canary() -> Iterator[Canary]:
    with listening_canary() as listening:
        yield listening


def probe(url: str, *, limits: MediaLimits | None = None) -> MediaFacts:
    prober = PROBER if limits is None else FfprobeProber(ffprobe_path=None, limits=limits)
    return prober.probe(url=url, timeout_seconds=20)


def cause_of(url: str, *, limits: MediaLimits | None = None) -> str:
    with pytest.raises(MediaRejected) as refusal:
        probe(url, limits=limits)
    return refusal.value.cause_code


class TestFacts:
    def test_a_lecture_is_known_by_its_facts(self, put: Put) -> None:
        facts = probe(put(clip("landscape").read_bytes()))
        assert facts.video is not None
        assert facts.audio is not None
        assert (facts.video.codec, facts.video.width, facts.video.height) == ("h264", 1280, 720)
        assert (facts.audio.codec, facts.audio.channels, facts.audio.profile) == ("aac", 1, "LC")
        assert facts.duration_seconds == pytest.approx(9.0, abs=0.1)
        assert facts.video.frames_per_second == 10

    def test_size_is_what_a_person_sees(self, put: Put) -> None:
        sideways, wide = probe(put(clip("rotated").read_bytes())), probe(put(clip("wide_pixels").read_bytes()))
        assert sideways.video is not None
        assert wide.video is not None
        assert (sideways.video.width, sideways.video.height) == (360, 640)
        assert (wide.video.width, wide.video.height, wide.video.has_square_pixels) == (1024, 576, False)

    def test_a_browsers_recording_has_no_duration(self, put: Put) -> None:
        assert probe(put(clip("webm").read_bytes())).duration_seconds is None

    def test_a_fragmented_file_claims_no_duration_of_its_first_fragment(self, put: Put) -> None:
        facts = probe(put(clip("fragmented").read_bytes()))
        assert (facts.fragmented, facts.duration_seconds) == (True, None)

    def test_key_frames_are_read_from_the_index_alone(self, put: Put) -> None:
        index = PROBER.key_frames(url=put(clip("landscape").read_bytes()), timeout_seconds=10)
        assert index is not None
        assert (index.key_frames, len(index.frames), index.is_plain) == ((0.0,), 90, True)

    def test_a_file_without_an_index_has_no_known_key_frames(self, put: Put) -> None:
        for name in ("webm", "fragmented"):
            assert PROBER.key_frames(url=put(clip(name).read_bytes()), timeout_seconds=10) is None


class TestRefusal:
    @pytest.mark.parametrize(
        ("body", "cause"),
        [
            (b"Monday: fractions\n" * 50, "INPUT_NOT_VIDEO"),
            (b"PK\x03\x04" + bytes(5000), "INPUT_NOT_VIDEO"),
            (b"<html><body>404</body></html>", "INPUT_NOT_VIDEO"),
            (b"OggS" + bytes(5000), "INPUT_UNSUPPORTED_CONTAINER"),
            (b"RIFF\x00\x10\x00\x00WAVEfmt " + bytes(5000), "INPUT_UNSUPPORTED_CONTAINER"),
            (bytes(5000), "INPUT_NOT_VIDEO"),
            (b"\x00", "INPUT_NOT_VIDEO"),
            (b"\x00\x00\x00\x18ftypisom" + bytes(12), "INPUT_TRUNCATED"),
            (b"\x1a\x45\xdf\xa3" + bytes(2000), "INPUT_MALFORMED"),
        ],
    )
    def test_what_is_no_video_is_called_so(self, put: Put, body: bytes, cause: str) -> None:
        assert cause_of(put(body)) == cause

    def test_a_file_that_lost_its_index_is_truncated(self, put: Put) -> None:
        assert cause_of(put(cut(clip("small"), share=0.6))) == "INPUT_TRUNCATED"

    @pytest.mark.parametrize("place", ["start", "end"])
    def test_a_file_that_only_its_owner_can_read_is_called_encrypted(self, put: Put, place: str) -> None:
        """ffprobe shows such a track as it was before; an encode of it is noise."""
        assert cause_of(put(encrypted(index_first=place == "start"))) == "INPUT_ENCRYPTED"

    @pytest.mark.parametrize(
        ("name", "cause"),
        [
            ("many_streams", "INPUT_TOO_MANY_STREAMS"),
            ("huge_picture", "INPUT_TOO_MANY_PIXELS"),
            ("endless", "INPUT_TOO_LONG"),
        ],
    )
    def test_limits_are_named(self, put: Put, name: str, cause: str) -> None:
        assert cause_of(put(clip(name).read_bytes())) == cause

    def test_an_installation_may_set_its_own_limits(self, put: Put) -> None:
        url = put(clip("landscape").read_bytes())
        assert cause_of(url, limits=MediaLimits(max_duration_seconds=5)) == "INPUT_TOO_LONG"
        assert cause_of(url, limits=MediaLimits(min_duration_seconds=30)) == "INPUT_TOO_SHORT"
        assert cause_of(url, limits=MediaLimits(max_pixels=100_000)) == "INPUT_TOO_MANY_PIXELS"
        assert cause_of(url, limits=MediaLimits(max_streams=1)) == "INPUT_TOO_MANY_STREAMS"


def planted(url: str) -> dict[str, bytes]:
    """Return files that make a demuxer that is not told otherwise fetch a URL."""
    dash = (
        f'<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT9S" profiles="urn:mpeg:dash:profile:'
        f'isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        f"<BaseURL>{url}/dash.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}/hls.ts\n#EXT-X-ENDLIST\n".encode(),
        "hls after blank lines": f"\n\n#EXTM3U\n#EXTINF:9,\n{url}/hls.ts\n".encode(),
        "hls of a local file": b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "dash": dash.encode(),
        "dash without a declaration": dash.partition("?>")[2].encode(),
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "concat": f"ffconcat version 1.0\nfile '{url}/concat.mp4'\n".encode(),
        "smil": f'<smil><body><video src="{url}/smil.mp4"/></body></smil>'.encode(),
    }


class TestServerSideRequests:
    @pytest.mark.parametrize("kind", planted(""))
    def test_a_playlist_called_mp4_is_refused_and_asks_nobody(self, put: Put, canary: Canary, kind: str) -> None:
        started = time.monotonic()
        assert cause_of(put(planted(canary.url)[kind])) in {"INPUT_SUSPICIOUS", "INPUT_NOT_VIDEO"}
        assert canary.requests == []
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize("kind", planted(""))
    @pytest.mark.parametrize("tool", ["ffmpeg", "ffprobe"])
    def test_a_tool_that_is_handed_one_asks_nobody_either(self, put: Put, canary: Canary, kind: str, tool: str) -> None:
        """The second line: whoever calls a tool with our options is safe without having looked at the first bytes."""
        url = put(planted(canary.url)[kind])
        output = ["-f", "null", "-"] if tool == "ffmpeg" else []
        argv = [find_binary(tool, configured=None), *input_options(url=url, if_match_etag=None), "-i", url, *output]
        done = subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
        assert done.returncode != 0
        assert canary.requests == []

    def test_the_canary_would_have_sung(self, put: Put, canary: Canary) -> None:
        """Without our options the same file does make ffprobe ask, so the tests above mean something."""
        url = put(planted(canary.url)["hls"])
        argv = [find_binary("ffprobe", configured=None), "-f", "hls", "-allowed_extensions", "ALL",
                "-extension_picky", "0", "-i", url]  # fmt: skip
        subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
        assert canary.requests


class TestStorage:
    def test_an_object_that_was_replaced_is_noticed(self, put: Put) -> None:
        with pytest.raises(SourceChanged):
            PROBER.probe(url=put(clip("tiny").read_bytes()), timeout_seconds=10, if_match_etag="0" * 32)

    def test_an_object_that_is_gone_is_noticed(self, storage: S3Storage) -> None:
        url = storage.presign_get(f"tenants/1/video/raw/1/{uuid.uuid4()}.mp4", expires_seconds=60)
        with pytest.raises(SourceGone):
            probe(url)

    def test_storage_that_is_away_says_nothing_of_the_file(self) -> None:
        with pytest.raises(SourceUnreadable) as failure:
            probe("http://127.0.0.1:9/lecture.mp4")
        assert not isinstance(failure.value, SourceGone | SourceChanged)

    def test_a_probe_ends_with_its_budget(self, put: Put, tmp_path: Path) -> None:
        stuck = tmp_path / "ffprobe"
        stuck.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
        stuck.chmod(0o755)
        prober = FfprobeProber(ffprobe_path=str(stuck), limits=MediaLimits())
        with pytest.raises(ProbeTimeout):
            prober.probe(url=put(clip("tiny").read_bytes()), timeout_seconds=0.5)
