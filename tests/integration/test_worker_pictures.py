"""Promises about pictures of a video: the thumbnail in the list and the storyboard on the seek bar."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from apps.support.video import wiring
from apps.worker.video_worker.video.ladder import fitted_size
from apps.worker.video_worker.video.storyboard import interval_seconds, make_storyboard, source_footage, webvtt
from apps.worker.video_worker.video.thumbnail import make_thumbnail, make_waveform
from libs.media.ffmpeg import Ffmpeg
from libs.media.process import Watch
from libs.s3_client.client import S3Storage
from tests.support.attempts import Encoded, encode, opened, put_source
from tests.support.media import (
    BRIGHTNESS,
    clip,
    errors_when_played,
    hdr_bars,
    lumas_across,
    mean_luma,
    moving_picture,
    probe_report,
    run_ffmpeg,
)
from tests.support.playlists import assert_valid_package

WATCH = Watch(deadline_seconds=60)
CUE = re.compile(r"([\d:.]+) --> ([\d:.]+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)")


@pytest.fixture(scope="module")
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


def seconds_of(timestamp: str) -> float:
    hours, minutes, seconds = timestamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def cues_of(encoded: Encoded) -> list[tuple[str, ...]]:
    text = (encoded.folder / "storyboard.vtt").read_text(encoding="utf-8")
    assert text.startswith("WEBVTT\n\n")
    return CUE.findall(text)


def tile_luma(encoded: Encoded, cue: tuple[str, ...], *, folder: Path) -> float:
    sheet, left, top, width, height = cue[2:]
    tile = folder / "tile.jpg"
    run_ffmpeg("-i", str(encoded.folder / sheet), "-vf", f"crop={width}:{height}:{left}:{top}", str(tile))
    return mean_luma(tile)


def test_a_storyboard_covers_the_video_from_start_to_end(storage: S3Storage, tmp_path: Path) -> None:
    encoded = encode(storage, clip("phone"), folder=tmp_path)
    cues = cues_of(encoded)
    assert len(cues) == 20
    assert seconds_of(cues[0][0]) == 0
    assert seconds_of(cues[-1][1]) == pytest.approx(encoded.output.duration_seconds, abs=0.01)
    assert all(earlier[1] == later[0] for earlier, later in pairwise(cues))
    assert encoded.output.storyboard_key.endswith("/storyboard.vtt")


def test_every_tile_lies_within_its_sheet(storage: S3Storage, tmp_path: Path) -> None:
    encoded = encode(storage, clip("portrait"), folder=tmp_path)
    for _, _, sheet, left, top, width, height in cues_of(encoded):
        stream = probe_report(encoded.folder / sheet)["streams"][0]
        assert int(left) + int(width) <= stream["width"]
        assert int(top) + int(height) <= stream["height"]
        assert (int(width), int(height)) == (90, 160)


def test_a_tile_shows_what_is_seen_at_its_time(storage: S3Storage, tmp_path: Path) -> None:
    encoded = encode(storage, clip("black_then_bright"), folder=tmp_path)
    cues = cues_of(encoded)
    assert len(cues) == 14
    assert [tile_luma(encoded, cue, folder=tmp_path) > 40 for cue in cues] == [False] * 10 + [True] * 4


def test_a_long_video_is_shown_by_its_key_frames(storage: S3Storage, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    black = ("-f", "lavfi", "-i", "color=black:size=128x72:rate=5:duration=60")
    bright = moving_picture(seconds=60, size="128x72", rate=5)
    run_ffmpeg(*black, *bright, "-filter_complex", "[0][1]concat=n=2", "-g", "10", "-c:v", "libx264", str(source))
    encoded = encode(storage, source, folder=tmp_path)
    cues = cues_of(encoded)
    assert len(cues) == 60
    assert [tile_luma(encoded, cues[index], folder=tmp_path) > 40 for index in (0, 28, 31, 59)] == [
        False,
        False,
        True,
        True,
    ]


def test_pictures_of_a_bright_video_look_like_the_video(storage: S3Storage, tmp_path: Path) -> None:
    claim = put_source(storage, hdr_bars(tmp_path / "source.mp4", transfer="smpte2084"))
    source, _ = opened(claim, storage)
    thumbnail = tmp_path / "thumbnail.jpg"
    thumbnail.write_bytes(make_thumbnail(source, folder=tmp_path, ffmpeg=Ffmpeg(), watch=WATCH))
    footage = source_footage(source, duration_seconds=1.0)
    files = make_storyboard(
        footage, duration_seconds=1.0, folder=tmp_path, ffmpeg=Ffmpeg(), watch=WATCH, on_seconds=lambda _: None
    )
    sheet = tmp_path / "sheet.jpg"
    sheet.write_bytes(files["storyboard-1.jpg"])
    encoded = encode(storage, tmp_path / "source.mp4", folder=tmp_path)
    shown = lumas_across(encoded.media("240p"), count=len(BRIGHTNESS))
    for picture, within in ((thumbnail, "iw:ih"), (sheet, "160:120:0:0")):
        assert lumas_across(picture, count=len(BRIGHTNESS), within=within) == pytest.approx(shown, abs=6)


def test_a_sound_that_takes_long_to_be_drawn_shows_that_it_is_heard(storage: S3Storage, tmp_path: Path) -> None:
    path = tmp_path / "sound.m4a"
    heard: list[float] = []
    run_ffmpeg("-f", "lavfi", "-i", "sine=frequency=440:duration=95", "-c:a", "aac", str(path))
    source, _ = opened(put_source(storage, path), storage)
    picture = make_waveform(source, folder=tmp_path, ffmpeg=Ffmpeg(), watch=WATCH, on_seconds=heard.append)
    assert picture.startswith(b"\xff\xd8")
    assert heard == [float(10 * count) for count in range(1, 11)]


@pytest.mark.parametrize("seconds", [0.2, 0.9])
def test_a_very_short_video_has_both(storage: S3Storage, tmp_path: Path, seconds: float) -> None:
    source = tmp_path / "source.mp4"
    run_ffmpeg(*moving_picture(seconds=seconds, size="128x72", rate=10), "-c:v", "libx264", "-g", "10", str(source))
    encoded = encode(storage, source, folder=tmp_path)
    assert len(cues_of(encoded)) == 1
    assert mean_luma(encoded.folder / "thumbnail.jpg") > 40


def test_a_picture_that_never_moves_has_both(storage: S3Storage, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    still = ("-f", "lavfi", "-i", "color=white:size=128x72:rate=1:duration=8")
    run_ffmpeg(*still, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(source))
    encoded = encode(storage, source, folder=tmp_path)
    assert len(cues_of(encoded)) == 8
    assert mean_luma(encoded.folder / "thumbnail.jpg") > 200


def test_the_thumbnail_is_not_black_when_the_video_starts_black(storage: S3Storage, tmp_path: Path) -> None:
    encoded = encode(storage, clip("black_then_bright"), folder=tmp_path)
    assert mean_luma(encoded.folder / "thumbnail.jpg") > 60


def test_a_black_video_still_gets_a_thumbnail(storage: S3Storage, tmp_path: Path) -> None:
    black = tmp_path / "black.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "color=black:size=320x180:rate=5:duration=2", str(black))
    encoded = encode(storage, black, folder=tmp_path)
    assert mean_luma(encoded.folder / "thumbnail.jpg") < 20


@pytest.mark.parametrize(
    ("name", "size"), [("landscape", (640, 360)), ("portrait", (360, 640)), ("wide_pixels", (640, 360))]
)
def test_the_thumbnail_has_the_videos_shape(
    storage: S3Storage, tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    encoded = encode(storage, clip(name), folder=tmp_path)
    stream = probe_report(encoded.folder / "thumbnail.jpg")["streams"][0]
    assert (stream["width"], stream["height"]) == size


@pytest.mark.parametrize(
    ("duration", "interval"), [(0.2, 1), (60, 1), (100, 1), (101, 2), (600, 6), (3600, 10), (43_200, 10)]
)
def test_pictures_are_neither_closer_than_seen_nor_farther_than_useful(duration: float, interval: float) -> None:
    assert interval_seconds(duration) == interval


@pytest.mark.parametrize(
    ("width", "height", "tile"),
    [(1920, 1080, (160, 90)), (1080, 1920, (90, 160)), (64, 48, (64, 48)), (8192, 16, (160, 2))],
)
def test_a_tile_has_the_videos_shape(width: int, height: int, tile: tuple[int, int]) -> None:
    assert fitted_size(width, height, side=160) == tile


def test_an_hour_needs_few_sheets() -> None:
    sheets = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    text = webvtt(sheets, tiles=360, interval=10, duration=3600, size=(160, 90))
    cues = CUE.findall(text)
    assert len(cues) == 360
    assert cues[100] == ("00:16:40.000", "00:16:50.000", "b.jpg", "0", "0", "160", "90")
    assert cues[359] == ("00:59:50.000", "01:00:00.000", "d.jpg", "1440", "450", "160", "90")


@pytest.fixture(scope="module")
def heard(storage: S3Storage, tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    folder = tmp_path_factory.mktemp("sound")
    source = folder / "source.m4a"
    quiet_then_loud = "aevalsrc='if(lt(t,35),0.01,0.5)*sin(2765*t)':s=44100:d=70"
    run_ffmpeg("-f", "lavfi", "-i", quiet_then_loud, "-c:a", "aac", "-f", "mp4", str(source))
    return encode(storage, source, folder=folder)


class TestSound:
    """To a teacher who has recorded with a phone in the pocket: sound alone is a lecture too."""

    def test_it_is_played_as_sound(self, heard: Encoded) -> None:
        assert (heard.output.renditions, heard.output.has_audio) == ((), True)
        assert heard.output.duration_seconds == pytest.approx(70, abs=0.1)
        assert "EXT-X-MEDIA:" not in heard.master
        assert re.findall(r'CODECS="(.*)"\n(.*)', heard.master) == [("mp4a.40.2", "audio.m3u8")]
        assert errors_when_played(heard.folder / "master.m3u8") == ""
        assert_valid_package(heard)

    def test_its_thumbnail_is_what_it_sounds_like(self, heard: Encoded, tmp_path: Path) -> None:
        picture = heard.folder / "thumbnail.jpg"
        stream = probe_report(picture)["streams"][0]
        assert (stream["width"], stream["height"]) == (640, 360)
        halves = []
        for side, left in (("quiet", 0), ("loud", 320)):
            run_ffmpeg("-i", str(picture), "-vf", f"crop=320:360:{left}:0", str(tmp_path / f"{side}.jpg"))
            halves.append(mean_luma(tmp_path / f"{side}.jpg"))
        assert halves[1] > halves[0] + 20

    def test_its_storyboard_is_one_picture_from_start_to_end(self, heard: Encoded) -> None:
        (cue,) = cues_of(heard)
        assert seconds_of(cue[0]) == 0
        assert seconds_of(cue[1]) == pytest.approx(heard.output.duration_seconds, abs=0.01)
        assert cue[2:] == ("storyboard-1.jpg", "0", "0", "160", "90")
        stream = probe_report(heard.folder / "storyboard-1.jpg")["streams"][0]
        assert (stream["width"], stream["height"]) == (160, 90)
