"""Promises about sources that every browser plays already: their pictures are copied, the rest is encoded beside."""

from pathlib import Path

import pytest

from apps.support.video import wiring
from libs.s3_client.client import S3Storage
from tests.support.attempts import Encoded, encode
from tests.support.media import clip, errors_when_played, frame_times, probe_report, run_ffmpeg, shown_frames
from tests.support.playlists import assert_valid_package


@pytest.fixture(scope="module")
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


@pytest.fixture(scope="module")
def copied(storage: S3Storage, tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    """A phone's kind of clip: B-frames, a key frame every two seconds, sound of 44.1 kHz."""
    return encode(storage, clip("phone"), folder=tmp_path_factory.mktemp("copied"))


def bytes_of_frames(path: Path) -> list[int]:
    report = probe_report(path, "-select_streams", "v:0", "-show_entries", "packet=size")
    return [int(packet["size"]) for packet in report["packets"]]


def test_the_pictures_of_the_source_are_the_first_rendition(copied: Encoded) -> None:
    assert copied.output.renditions == ("360p", "240p")
    assert bytes_of_frames(copied.media("360p")) == bytes_of_frames(clip("phone"))


def test_the_sound_of_the_source_is_copied_too(copied: Encoded) -> None:
    stream = probe_report(copied.media("audio"))["streams"][0]
    assert (stream["codec_name"], stream["sample_rate"]) == ("aac", "44100")


def test_no_frame_is_lost_and_none_moves(copied: Encoded) -> None:
    source = frame_times(clip("phone"))
    assert shown_frames(copied.media("360p")) == pytest.approx(source, abs=0.0001)
    assert shown_frames(copied.media("240p")) == pytest.approx(source, abs=0.0001)


def test_sound_starts_with_the_picture_and_without_priming(copied: Encoded) -> None:
    assert shown_frames(copied.media("audio"))[0] == 0
    assert shown_frames(copied.media("360p"))[0] == 0


def test_segments_are_cut_at_key_frames_and_last_about_four_seconds(copied: Encoded) -> None:
    assert [segment.duration_seconds for segment in copied.segments("360p")] == pytest.approx([4, 4, 4, 4, 4], abs=0.1)


def test_the_pass_is_cut_into_objects_that_follow_each_other(copied: Encoded) -> None:
    uris = [segment.uri for segment in copied.segments("360p")]
    assert len(set(uris)) == 2
    assert uris == sorted(uris)
    assert len({segment.init for segment in copied.segments("360p")}) == 1


def test_everything_plays_end_to_end_without_a_complaint(copied: Encoded) -> None:
    assert errors_when_played(copied.folder / "master.m3u8") == ""
    assert_valid_package(copied)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("-g", "1000", "-keyint_min", "1000"), id="key frames too far apart"),
        pytest.param(("-g", "20", "-pix_fmt", "yuv444p"), id="colours that browsers do not decode"),
        pytest.param(("-g", "20", "-vf", "setsar=4/3"), id="pixels that are not square"),
        pytest.param(("-g", "20", "-b:v", "6M", "-minrate", "6M", "-maxrate", "6M", "-bufsize", "1M",
                      "-x264-params", "nal-hrd=cbr"), id="far too many bits"),
    ],
)  # fmt: skip
def test_what_browsers_may_not_play_well_is_encoded(
    storage: S3Storage, tmp_path: Path, options: tuple[str, ...]
) -> None:
    source = tmp_path / "source.mp4"
    run_ffmpeg(
        "-i", str(clip("phone")), "-t", "8", "-c:v", "libx264", "-preset", "ultrafast", *options, "-an", str(source)
    )
    encoded = encode(storage, source, folder=tmp_path)
    first = encoded.output.renditions[0]
    assert bytes_of_frames(encoded.media(first)) != bytes_of_frames(source)
    assert len(shown_frames(encoded.media(first))) == len(frame_times(source))


def test_a_source_that_is_as_small_as_the_ladder_ends_is_only_copied(storage: S3Storage, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    run_ffmpeg("-i", str(clip("phone")), "-t", "5", "-vf", "scale=320:180", "-g", "30", str(source))
    encoded = encode(storage, source, folder=tmp_path)
    assert encoded.output.renditions == ("180p",)
    assert bytes_of_frames(encoded.media("180p")) == bytes_of_frames(source)
    assert errors_when_played(encoded.folder / "master.m3u8") == ""


def test_other_sound_is_encoded_beside_copied_pictures(storage: S3Storage, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    run_ffmpeg("-i", str(clip("phone")), "-t", "6", "-c:v", "copy", "-c:a", "libopus", "-b:a", "64k", str(source))
    encoded = encode(storage, source, folder=tmp_path)
    assert bytes_of_frames(encoded.media("360p")) == bytes_of_frames(source)
    assert probe_report(encoded.media("audio"))["streams"][0]["codec_name"] == "aac"
