"""Promises about what an encode makes of a source, with real ffmpeg over real storage."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from apps.support.video import wiring
from apps.support.video.domain.contracts import ClaimedJob, EncodingChoices
from libs.media.facts import MediaRejected
from libs.media.ffmpeg import EncodeFailed
from libs.media.ffprobe import SourceGone
from libs.s3_client.client import S3Storage
from tests.support.attempts import Encoded, RecordingProgress, encode, processor_of, put_source
from tests.support.ledgers import MemoryLedger
from tests.support.media import (
    BRIGHTNESS,
    clip,
    cut,
    errors_when_played,
    flipped,
    frame_times,
    hdr_bars,
    lumas_across,
    moving_picture,
    probe_report,
    run_ffmpeg,
    shown_frames,
    try_ffmpeg,
)
from tests.support.playlists import assert_valid_package


@pytest.fixture(scope="module")
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


@pytest.fixture(scope="module")
def landscape(storage: S3Storage, tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    """One package with two renditions and sound, which many tests look at."""
    return encode(storage, clip("landscape"), folder=tmp_path_factory.mktemp("landscape"))


NAMES = ("720p", "480p", "360p", "240p", "audio")


def size_of(media: Path) -> tuple[int, int]:
    stream = probe_report(media)["streams"][0]
    return stream["width"], stream["height"]


class TestPackage:
    def test_the_ladder_reaches_the_source_and_no_further(self, landscape: Encoded) -> None:
        assert landscape.output.renditions == ("720p", "480p", "360p", "240p")
        sizes = [size_of(landscape.media(name)) for name in landscape.output.renditions]
        assert sizes == [(1280, 720), (854, 480), (640, 360), (426, 240)]

    def test_output_says_what_was_written(self, landscape: Encoded) -> None:
        output = landscape.output
        files = [path for path in landscape.folder.rglob("*") if path.is_file()]
        assert (output.width, output.height, output.has_audio) == (1280, 720, True)
        assert output.duration_seconds == pytest.approx(9.0, abs=0.1)
        assert output.object_count == len(files)
        assert output.bytes_total == sum(path.stat().st_size for path in files)

    def test_every_rendition_plays_end_to_end_without_a_complaint(self, landscape: Encoded) -> None:
        assert errors_when_played(landscape.folder / "master.m3u8") == ""

    def test_no_frame_is_lost_or_doubled(self, landscape: Encoded) -> None:
        source = frame_times(clip("landscape"))
        for name in landscape.output.renditions:
            assert shown_frames(landscape.media(name)) == pytest.approx(source, abs=0.0001)

    def test_sound_and_picture_start_together(self, landscape: Encoded) -> None:
        assert shown_frames(landscape.media("720p"))[0] == 0
        assert shown_frames(landscape.media("audio"))[0] == 0

    def test_all_renditions_of_a_stretch_share_one_object(self, landscape: Encoded) -> None:
        uris = {segment.uri for name in NAMES for segment in landscape.segments(name)}
        assert len(uris) == 1

    def test_a_strict_reader_finds_what_rfc_8216_asks_for(self, landscape: Encoded) -> None:
        assert_valid_package(landscape)

    @pytest.mark.parametrize("name", ["720p", "480p", "360p", "240p"])
    def test_segments_last_four_seconds(self, landscape: Encoded, name: str) -> None:
        durations = [segment.duration_seconds for segment in landscape.segments(name)]
        assert durations == pytest.approx([4, 4, 1], abs=0.001)

    def test_the_master_begins_with_the_best(self, landscape: Encoded) -> None:
        entries = re.findall(r"BANDWIDTH=(\d+),AVERAGE-.*FRAME-RATE=10\.000.*\n(.*)", landscape.master)
        assert [uri for _, uri in entries] == ["720p.m3u8", "480p.m3u8", "360p.m3u8", "240p.m3u8"]
        rates = [int(rate) for rate, _ in entries]
        assert rates == sorted(rates, reverse=True)

    def test_sound_is_a_rendition_of_its_own(self, landscape: Encoded) -> None:
        assert 'URI="audio.m3u8"' in landscape.master
        assert [stream["codec_type"] for stream in probe_report(landscape.media("audio"))["streams"]] == ["audio"]
        assert [stream["codec_type"] for stream in probe_report(landscape.media("720p"))["streams"]] == ["video"]

    def test_progress_only_grows_and_stays_below_a_hundred(self, landscape: Encoded) -> None:
        reports = landscape.progress.reports
        percents = [percent for _, percent in reports]
        assert percents == sorted(percents)
        assert percents[-1] < 100
        stages = [later for earlier, later in pairwise(["", *(stage for stage, _ in reports)]) if earlier != later]
        assert stages == ["verifying", "encoding", "packaging"]


@pytest.mark.parametrize(
    ("name", "shown", "renditions", "sizes"),
    [
        ("portrait", (360, 640), ("360p", "240p"), [(360, 640), (240, 426)]),
        ("rotated", (360, 640), ("360p", "240p"), [(360, 640), (240, 426)]),
        ("odd", (641, 363), ("360p", "240p"), [(636, 360), (424, 240)]),
        ("wide_pixels", (1024, 576), ("480p", "360p", "240p"), [(854, 480), (640, 360), (426, 240)]),
        ("tiny", (64, 48), ("48p",), [(64, 48)]),
        ("fragmented", (640, 360), ("360p", "240p"), [(640, 360), (426, 240)]),
        ("webm", (320, 180), ("180p",), [(320, 180)]),
    ],
)
def test_shape_is_kept_and_nothing_is_scaled_up(
    storage: S3Storage,
    tmp_path: Path,
    name: str,
    shown: tuple[int, int],
    renditions: tuple[str, ...],
    sizes: list[tuple[int, int]],
) -> None:
    encoded = encode(storage, clip(name), folder=tmp_path)
    assert (encoded.output.width, encoded.output.height) == shown
    assert encoded.output.renditions == renditions
    assert [size_of(encoded.media(rendition)) for rendition in renditions] == sizes
    for rendition in renditions:
        stream = probe_report(encoded.media(rendition))["streams"][0]
        assert stream.get("sample_aspect_ratio", "1:1") == "1:1"
        assert "side_data_list" not in stream
    assert errors_when_played(encoded.folder / "master.m3u8") == ""


def test_a_picture_filmed_sideways_is_shown_upright(storage: S3Storage, tmp_path: Path) -> None:
    """The left edge of the coded picture must come out where the display matrix puts it, not where it lay."""
    encoded = encode(storage, clip("rotated"), folder=tmp_path)
    upright, stored = tmp_path / "upright.gray", tmp_path / "stored.gray"
    shrink = "scale=36:64:flags=area,format=gray"
    run_ffmpeg("-i", str(clip("rotated")), "-frames:v", "1", "-vf", shrink, "-f", "rawvideo", str(upright))
    run_ffmpeg("-i", str(encoded.media("360p")), "-frames:v", "1", "-vf", shrink, "-f", "rawvideo", str(stored))
    difference = [abs(a - b) for a, b in zip(upright.read_bytes(), stored.read_bytes(), strict=True)]
    assert sum(difference) / len(difference) < 8


def test_a_source_without_sound_gets_none(storage: S3Storage, tmp_path: Path) -> None:
    encoded = encode(storage, clip("silent"), folder=tmp_path)
    assert encoded.output.has_audio is False
    assert "EXT-X-MEDIA" not in encoded.master
    assert "mp4a" not in encoded.master
    assert not (encoded.folder / "audio").exists()


@pytest.mark.parametrize(("name", "picture_seconds", "sound_seconds"), [("long_sound", 4, 9), ("short_sound", 9, 3)])
def test_sound_may_be_longer_or_shorter_than_the_picture(
    storage: S3Storage, tmp_path: Path, name: str, picture_seconds: float, sound_seconds: float
) -> None:
    encoded = encode(storage, clip(name), folder=tmp_path)
    picture = sum(segment.duration_seconds for segment in encoded.segments(encoded.output.renditions[0]))
    sound = sum(segment.duration_seconds for segment in encoded.segments("audio"))
    assert picture == pytest.approx(picture_seconds, abs=0.2)
    assert sound == pytest.approx(sound_seconds, abs=0.2)
    assert encoded.output.duration_seconds == pytest.approx(max(picture_seconds, sound_seconds), abs=0.2)


def test_a_flipped_bit_here_and_there_still_plays(storage: S3Storage, tmp_path: Path) -> None:
    damaged = flipped(clip("moov_first"), every_bytes=60_000, after_bytes=60_000)
    encoded = encode(storage, damaged, folder=tmp_path)
    assert encoded.output.duration_seconds == pytest.approx(6.0, abs=0.5)
    assert errors_when_played(encoded.folder / "master.m3u8") == ""


REFUSED: dict[str, tuple[bytes | str, str]] = {
    "text": (b"Monday: fractions\nTuesday: angles\n" * 20, "INPUT_NOT_VIDEO"),
    "zip": (b"PK\x03\x04" + bytes(4000), "INPUT_NOT_VIDEO"),
    "moov missing": ("small", "INPUT_TRUNCATED"),
    "too many streams": ("many_streams", "INPUT_TOO_MANY_STREAMS"),
    "too many pixels": ("huge_picture", "INPUT_TOO_MANY_PIXELS"),
    "too long": ("endless", "INPUT_TOO_LONG"),
}


def refused_source(name: str) -> bytes:
    body, _ = REFUSED[name]
    if isinstance(body, bytes):
        return body
    return cut(clip(body), share=0.6) if name == "moov missing" else clip(body).read_bytes()


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_never_be_played_is_refused_with_its_cause_and_writes_nothing(
    storage: S3Storage, tmp_path: Path, name: str
) -> None:
    claim = put_source(storage, refused_source(name))
    with pytest.raises(MediaRejected) as refusal:
        processor_of(storage).run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=MemoryLedger(claim))
    assert refusal.value.cause_code == REFUSED[name][1]
    assert list(storage.list_objects(claim.output_prefix)) == []


def test_a_cut_file_whose_index_came_first_ends_as_truncated(storage: S3Storage, tmp_path: Path) -> None:
    claim = put_source(storage, cut(clip("moov_first"), share=0.5))
    with pytest.raises(EncodeFailed) as failure:
        processor_of(storage).run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=MemoryLedger(claim))
    assert (failure.value.cause_code, failure.value.is_files_fault) == ("INPUT_TRUNCATED", True)
    assert not [entry for entry in storage.list_objects(claim.output_prefix) if entry.key.endswith(".m3u8")]


def test_a_source_that_is_gone_before_the_probe_is_noticed(storage: S3Storage, tmp_path: Path) -> None:
    claim = put_source(storage, clip("small"))
    storage.delete_prefix(claim.source_key.rpartition("/")[0] + "/")
    with pytest.raises(SourceGone):
        processor_of(storage).run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=MemoryLedger(claim))


class TestTheTenantsOwnLimitOnTheLength:
    """To the operator: a video that was too busy a moment to be measured is no way around a limit."""

    def refused_as(self, storage: S3Storage, claim: ClaimedJob, folder: Path) -> str:
        with pytest.raises(MediaRejected) as refusal:
            processor_of(storage).run(claim, folder=folder, progress=RecordingProgress(), ledger=MemoryLedger(claim))
        assert not [entry for entry in storage.list_objects(claim.output_prefix) if entry.key.endswith(".m3u8")]
        return refusal.value.cause_code

    def test_a_source_that_nobody_has_verified_is_held_to_it(self, storage: S3Storage, tmp_path: Path) -> None:
        claim = replace(put_source(storage, clip("small")), verified=False, longest_seconds=1.0)
        assert self.refused_as(storage, claim, tmp_path) == "INPUT_TOO_LONG"

    def test_a_source_that_does_not_say_its_length_is_held_to_it_in_the_end(
        self, storage: S3Storage, tmp_path: Path
    ) -> None:
        claim = replace(put_source(storage, clip("fragmented")), longest_seconds=1.0)
        assert self.refused_as(storage, claim, tmp_path) == "INPUT_TOO_LONG"

    def test_what_was_within_it_when_it_was_verified_may_be_encoded_again(
        self, storage: S3Storage, tmp_path: Path
    ) -> None:
        """To the uploader: a limit that is lowered later is about later uploads."""
        claim = replace(put_source(storage, clip("small")), longest_seconds=1.0)
        processor_of(storage).run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=MemoryLedger(claim))


def test_a_picture_that_our_ffmpeg_cannot_decode_is_called_so_and_not_tried_again(
    storage: S3Storage, tmp_path: Path
) -> None:
    """The packaged build knows AV1 only where the hardware does."""
    source = tmp_path / "source.mp4"
    picture = moving_picture(seconds=2, size="128x72", rate=10)
    run_ffmpeg(*picture, "-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p", str(source))
    if try_ffmpeg("-i", str(source), "-f", "null", "-").returncode == 0:
        pytest.skip("this ffmpeg decodes AV1")
    claim = put_source(storage, source)
    with pytest.raises(EncodeFailed) as failure:
        processor_of(storage).run(claim, folder=tmp_path, progress=RecordingProgress(), ledger=MemoryLedger(claim))
    assert (failure.value.cause_code, failure.value.is_files_fault) == ("INPUT_UNSUPPORTED_CODEC", True)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_a_bright_picture_is_mapped_to_ordinary_screens_and_not_clipped(
    storage: S3Storage, tmp_path: Path, transfer: str
) -> None:
    source = hdr_bars(tmp_path / "source.mp4", transfer=transfer)
    encoded = encode(storage, source, folder=tmp_path)
    stream = probe_report(encoded.media("240p"))["streams"][0]
    assert (stream["pix_fmt"], stream["profile"]) == ("yuv420p", "Main")
    assert (stream["color_transfer"], stream["color_primaries"], stream["color_space"]) == ("bt709",) * 3
    lumas = lumas_across(encoded.media("240p"), count=len(BRIGHTNESS))
    assert all(later - earlier > 10 for earlier, later in pairwise(lumas))
    assert 100 < lumas[4] < 200
    assert lumas[7] < 250


class TestChoices:
    """To an academy that wants it otherwise than everyone."""

    def test_the_ladder_ends_where_it_should_and_with_its_quality(self, storage: S3Storage, tmp_path: Path) -> None:
        choices = EncodingChoices(highest_short_side=360, quality=30, preset="superfast")
        encoded = encode(storage, clip("landscape"), folder=tmp_path, choices=choices)
        assert encoded.output.renditions == ("360p", "240p")
        said = encoded.media("360p").read_bytes()
        assert b"crf=30.0" in said
        assert b"subme=1 " in said

    def test_what_is_larger_than_wished_is_not_copied(self, storage: S3Storage, tmp_path: Path) -> None:
        encoded = encode(storage, clip("phone"), folder=tmp_path, choices=EncodingChoices(highest_short_side=240))
        assert encoded.output.renditions == ("240p",)

    @pytest.mark.parametrize(("evens", "loudness"), [(False, -44.0), (True, -16.0)])
    def test_loudness_is_evened_only_where_asked_for(
        self, storage: S3Storage, tmp_path: Path, *, evens: bool, loudness: float
    ) -> None:
        source = tmp_path / "source.mp4"
        quiet = ("-f", "lavfi", "-i", "aevalsrc='0.01*sin(6283*t)':s=48000:d=20")
        picture = moving_picture(seconds=20, size="64x48", rate=5)
        run_ffmpeg(*picture, *quiet, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(source))
        encoded = encode(storage, source, folder=tmp_path, choices=EncodingChoices(evens_loudness=evens))
        said = run_ffmpeg("-v", "info", "-i", str(encoded.media("audio")), "-af", "ebur128", "-f", "null", "-").stderr
        assert float(re.findall(r"I: +(-[0-9.]+) LUFS", said)[-1]) == pytest.approx(loudness, abs=2)
        assert sum(part.duration_seconds for part in encoded.segments("audio")) == pytest.approx(20, abs=0.11)
