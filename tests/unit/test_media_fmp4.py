"""Promises about reading and mending fragmented MP4."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from libs.media.fmp4 import Fragment, FragmentReader, MalformedFragments, avc_codec_of
from libs.media.fragment_times import decoded_as_shown, shown_times
from libs.media.matroska_index import read_cues
from libs.media.mp4_index import read_key_frames
from tests.support.media import clip, frame_times, key_frame_times, run_ffmpeg, shown_frames, try_ffmpeg


@pytest.fixture(scope="module")
def fragmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fmp4") / "fragmented.mp4"
    flags = "+cmaf+empty_moov+frag_keyframe+skip_trailer"
    run_ffmpeg("-i", str(clip("phone")), "-an", "-c", "copy", "-movflags", flags, str(path))
    return path


def read(path: Path, *, piece_bytes: int = 10_000) -> tuple[FragmentReader, list[Fragment]]:
    reader, content = FragmentReader(), path.read_bytes()
    pieces = [content[start : start + piece_bytes] for start in range(0, len(content), piece_bytes)]
    return reader, [fragment for piece in pieces for fragment in reader.feed(piece)]


def joined(reader: FragmentReader, fragments: Sequence[Fragment], *, path: Path) -> Path:
    assert reader.init is not None
    path.write_bytes(reader.init.content + b"".join(fragment.content for fragment in fragments))
    return path


@pytest.mark.parametrize("piece_bytes", [1_000, 65_536, 10_000_000])
def test_a_stream_is_cut_into_the_same_fragments_however_it_comes(fragmented: Path, piece_bytes: int) -> None:
    reader, fragments = read(fragmented, piece_bytes=piece_bytes)
    assert reader.is_between_boxes
    assert len(fragments) == 10
    assert sum(fragment.sample_count for fragment in fragments) == len(frame_times(clip("phone")))
    assert [fragment.start_seconds for fragment in fragments] == pytest.approx(
        key_frame_times(clip("phone")), abs=0.001
    )


def test_nothing_is_lost_between_the_cuts(fragmented: Path, tmp_path: Path) -> None:
    reader, fragments = read(fragmented)
    assert joined(reader, fragments, path=tmp_path / "joined.mp4").read_bytes() == fragmented.read_bytes()


def test_a_stream_that_stops_half_way_is_noticed(fragmented: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.mp4"
    half.write_bytes(fragmented.read_bytes()[:-100])
    assert not read(half)[0].is_between_boxes


@pytest.mark.parametrize("content", [b"MTrk" * 10, bytes(64), b"\x00\x00\x00\x10mdat" + bytes(8), b"\xff" * 64])
def test_what_is_no_fragmented_mp4_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedFragments):
        list(FragmentReader().feed(content))


class TestTimes:
    def test_a_last_frame_can_be_held_and_nothing_else_moves(self, fragmented: Path, tmp_path: Path) -> None:
        reader, fragments = read(fragmented)
        end = fragments[-1].start_seconds + fragments[-1].duration_seconds
        held = decoded_as_shown(fragments[-1], end_seconds=end + 1.5)
        assert held.start_seconds + held.duration_seconds == pytest.approx(end + 1.5, abs=0.0001)

        path = joined(reader, [*fragments[:-1], held], path=tmp_path / "held.mp4")
        assert shown_frames(path) == pytest.approx(shown_frames(fragmented), abs=0.0001)
        assert read(path)[1][-1].duration_seconds == pytest.approx(held.duration_seconds, abs=0.0001)
        assert try_ffmpeg("-xerror", "-i", str(path), "-f", "null", "-").stderr == ""

    def test_a_last_frame_can_be_cut_short_but_is_shown(self, fragmented: Path) -> None:
        last = read(fragmented)[1][-1]
        shown = max(shown_times(last)) / last.timescale
        assert end_of(decoded_as_shown(last, end_seconds=shown + 0.01)) == pytest.approx(shown + 0.01, abs=0.0001)
        assert end_of(decoded_as_shown(last, end_seconds=0.0)) == pytest.approx(shown, abs=0.0001)

    def test_frames_seconds_apart_are_decoded_when_some_are_shown(self, tmp_path: Path) -> None:
        """Encoders that reorder count decoding from as far ahead as frames are apart, here seven seconds."""
        path = tmp_path / "slides.mp4"
        slides = ("-f", "lavfi", "-i", "color=gray:size=64x48:rate=1/7:duration=70")
        reordered = ("-c:v", "libx264", "-bf", "3", "-x264-params", "b-adapt=0", "-pix_fmt", "yuv420p")
        fragments = ("-movflags", "+cmaf+empty_moov+skip_trailer+frag_discont")
        run_ffmpeg(*slides, *reordered, *fragments, str(path))
        reader, (fragment,) = read(path)
        assert fragment.start_seconds == 0
        times = sorted(shown_times(fragment))

        again = decoded_as_shown(fragment, end_seconds=70.0)
        assert sorted(shown_times(again)) == times
        assert (again.start_seconds, again.duration_seconds, again.sample_count) == (0.0, 70.0, 10)
        assert shown_frames(joined(reader, [again], path=tmp_path / "again.mp4")) == [7.0 * n for n in range(10)]


def end_of(fragment: Fragment) -> float:
    return fragment.start_seconds + fragment.duration_seconds


def test_the_codec_is_read_from_the_initialisation(fragmented: Path) -> None:
    reader, _ = read(fragmented)
    assert reader.init is not None
    assert avc_codec_of(reader.init.content) == "avc1.64001e"
    with pytest.raises(MalformedFragments):
        avc_codec_of(b"no such box")


class TestKeyFrameIndex:
    @pytest.mark.parametrize("options", [(), ("-movflags", "+faststart"), ("-output_ts_offset", "2.5"), ("-an",)])
    def test_the_index_says_what_ffprobe_finds(self, tmp_path: Path, options: tuple[str, ...]) -> None:
        path = tmp_path / "source.mp4"
        run_ffmpeg("-i", str(clip("phone")), "-c", "copy", *options, str(path))
        content = path.read_bytes()
        index = read_key_frames(lambda offset, length: content[offset : offset + length], size_bytes=len(content))
        assert index is not None
        assert index.key_frames == pytest.approx(key_frame_times(path), abs=0.001)
        assert list(index.frames) == pytest.approx(frame_times(path), abs=0.001)

    def test_an_index_that_lies_is_no_index(self) -> None:
        content = bytearray(clip("moov_first").read_bytes())
        at = content.index(b"stss")
        content[at + 4 : at + 8] = b"\x00\x00\x00\x00"
        content[at + 8 : at + 12] = b"\xff\xff\xff\xff"
        index = read_key_frames(
            lambda offset, length: bytes(content[offset : offset + length]), size_bytes=len(content)
        )
        assert index is None or len(index.key_frames) < 10


class TestCues:
    """To whoever uploads an OBS recording: Matroska is as good as MP4."""

    def test_the_cues_say_what_ffprobe_finds(self, tmp_path: Path) -> None:
        path = tmp_path / "source.mkv"
        run_ffmpeg("-i", str(clip("phone")), "-c", "copy", "-output_ts_offset", "2.5", str(path))
        content = path.read_bytes()
        index = read_cues(lambda offset, length: content[offset : offset + length], size_bytes=len(content))
        assert index is not None
        assert index.key_frames == pytest.approx(key_frame_times(path), abs=0.0001)
        assert len(index.key_frames) == 10

    def test_a_browsers_recording_has_none(self) -> None:
        content = clip("webm").read_bytes()
        assert read_cues(lambda at, length: content[at : at + length], size_bytes=len(content)) is None

    @pytest.mark.parametrize("at", range(0, 400, 7))
    def test_cues_that_lie_are_read_in_no_time_or_not_at_all(self, tmp_path: Path, at: int) -> None:
        path = tmp_path / "source.mkv"
        run_ffmpeg("-i", str(clip("tiny")), "-c", "copy", str(path))
        content = bytearray(path.read_bytes())
        content[at] ^= 0xFF
        index = read_cues(lambda where, length: bytes(content[where : where + length]), size_bytes=len(content))
        assert index is None or len(index.key_frames) < 10
