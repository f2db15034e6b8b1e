"""Promises about joints: a source that is encoded in chunks comes out frame by frame as it went in."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from apps.support.video import wiring
from libs.media.fmp4 import FragmentReader
from libs.s3_client.client import S3Storage
from tests.support.attempts import Encoded, encode
from tests.support.media import (
    SOUND,
    errors_when_played,
    frame_times,
    moving_picture,
    probe_report,
    run_ffmpeg,
    shown_frames,
)
from tests.support.playlists import assert_valid_package

SECONDS = 66
SIZE = "128x72"


@pytest.fixture(scope="module")
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


def picture(rate: float | str) -> tuple[str, ...]:
    return moving_picture(seconds=SECONDS, size=SIZE, rate=rate)


def x264(*options: str) -> tuple[str, ...]:
    return ("-c:v", "libx264", "-preset", "veryfast", "-crf", "40", "-pix_fmt", "yuv420p", *options)


def _b_frames(path: Path) -> None:
    run_ffmpeg(*picture("30000/1001"), *SOUND, "-t", str(SECONDS), *x264("-bf", "3", "-g", "290"), str(path))


def _open_gop(path: Path) -> None:
    run_ffmpeg(*picture(25), *x264("-bf", "3", "-g", "200", "-x264-params", "open-gop=1"), str(path))


def _matroska(path: Path) -> None:
    run_ffmpeg(*picture(24), *SOUND, "-t", str(SECONDS), *x264("-g", "240"), str(path))


def _variable_rate(path: Path) -> None:
    # As screen recordings are: now and then no frame for up to a second.
    drop = "select='not(between(mod(n,97),30,30+mod(n/97,19)))'"
    run_ffmpeg(*picture(20), "-vf", drop, "-fps_mode", "vfr", *x264("-g", "200"), str(path))


def _late_start(path: Path) -> None:
    late = ("-output_ts_offset", "7.3")
    run_ffmpeg(*picture(25), *SOUND, "-t", str(SECONDS), *x264("-g", "250"), *late, "-f", "matroska", str(path))


def _late_sound(path: Path) -> None:
    sound = ("-itsoffset", "1.5", "-f", "lavfi", "-i", "sine=sample_rate=48000:duration=50")
    run_ffmpeg(*picture(25), *sound, "-map", "0", "-map", "1", *x264("-g", "250"), str(path))


SOURCES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "b-frames": ("mp4", _b_frames),
    "open gop": ("mp4", _open_gop),
    "matroska": ("mkv", _matroska),
    "variable rate": ("mp4", _variable_rate),
    "late start": ("mkv", _late_start),
    "late sound": ("mp4", _late_sound),
}


@pytest.fixture(scope="module", params=SOURCES)
def encoded(
    request: pytest.FixtureRequest, storage: S3Storage, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Encoded]:
    folder = tmp_path_factory.mktemp("chunks")
    extension, make = SOURCES[request.param]
    source = folder / f"source.{extension}"
    make(source)
    return source, encode(storage, source, folder=folder)


def test_every_frame_is_shown_once_and_when_it_was(encoded: tuple[Path, Encoded]) -> None:
    source, package = encoded
    origin = float(probe_report(source)["format"]["start_time"])
    wanted = [time - origin for time in frame_times(source)]
    shown = shown_frames(package.media(package.output.renditions[0]))
    assert len(shown) == len(wanted)
    # Half a millisecond: Matroska rounds to whole ones.
    assert shown == pytest.approx(wanted, abs=0.0006)


def test_it_was_encoded_in_chunks_that_share_one_initialisation(encoded: tuple[Path, Encoded]) -> None:
    _, package = encoded
    name = package.output.renditions[0]
    assert len({segment.uri for segment in package.segments(name)}) >= 3
    assert package.playlist(name).count("#EXT-X-MAP:") == 1


def test_there_is_no_hole_at_a_joint(encoded: tuple[Path, Encoded]) -> None:
    """Each frame is shown until the next one, also where that is another chunk's."""
    _, package = encoded
    fragments = list(FragmentReader().feed(package.media(package.output.renditions[0]).read_bytes()))
    for earlier, later in pairwise(fragments):
        assert earlier.start_seconds + earlier.duration_seconds == pytest.approx(later.start_seconds, abs=0.0001)


def test_it_plays_end_to_end_without_a_complaint(encoded: tuple[Path, Encoded]) -> None:
    assert errors_when_played(encoded[1].folder / "master.m3u8") == ""
    assert_valid_package(encoded[1])


def test_sound_keeps_its_distance_from_the_picture(encoded: tuple[Path, Encoded]) -> None:
    """Within 40 ms, which nobody hears; sound that starts late is preceded by silence."""
    source, package = encoded
    if not package.output.has_audio:
        assert "EXT-X-MEDIA" not in package.master
        return
    report = probe_report(source)
    origin = float(report["format"]["start_time"])
    wanted = next(float(stream["start_time"]) for stream in report["streams"] if stream["codec_type"] == "audio")
    joined = package.media("audio")
    heard = run_ffmpeg(
        "-v", "info", "-i", str(joined), "-af", "silencedetect=noise=-40dB:duration=0.3", "-f", "null", "-"
    )
    ends = [float(time) for time in re.findall(r"silence_end: ([0-9.]+)", heard.stderr)]
    starts = ends[0] if ends and wanted - origin > 0.3 else 0.0
    assert starts == pytest.approx(wanted - origin, abs=0.04)


def test_a_rate_above_sixty_is_halved_evenly_across_joints(storage: S3Storage, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    run_ffmpeg(*picture(120), *x264("-g", "1200"), str(source))
    package = encode(storage, source, folder=tmp_path)
    shown = shown_frames(package.media(package.output.renditions[0]))
    assert len(shown) == SECONDS * 60
    assert shown == pytest.approx([number / 60 for number in range(SECONDS * 60)], abs=0.0001)
