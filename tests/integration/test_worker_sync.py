"""Promises about sources that are broken, odd or long: what is heard stays with what is seen, and no frame is lost."""

import re
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from apps.support.video import wiring
from apps.worker.video_worker.video.processor import ProcessingLimits
from libs.media.ffmpeg import Ffmpeg
from libs.s3_client.client import S3Storage
from tests.support.attempts import Encoded, encode
from tests.support.media import errors_when_played, frame_times, probe_report, run_ffmpeg, shown_frames

SECONDS = 66
FLASH_EVERY_SECONDS = 5
# What nobody notices, by the broadcasters' own measure.
APART_SECONDS = 0.04
CLUSTER, DURATION = bytes.fromhex("1f43b675"), bytes.fromhex("448988")


@pytest.fixture(scope="module")
def storage(s3_engine: None) -> S3Storage:
    return wiring.storage()


def flashes(
    *, seconds: float = SECONDS, rate: int = 25, every: int = FLASH_EVERY_SECONDS, first: float = 0.0
) -> tuple[str, ...]:
    """Return input options of a black picture that is white for a moment now and then."""
    white = f"drawbox=color=white:t=fill:enable='lt(mod(t+{every - first},{every}),0.2)'"
    return ("-f", "lavfi", "-i", f"color=black:size=64x48:rate={rate}:duration={seconds},{white}")


def beeps(
    *, seconds: float = SECONDS, rate: int = 48_000, every: int = FLASH_EVERY_SECONDS, first: float = 0.0
) -> tuple[str, ...]:
    """Return input options of silence with a tone whenever the picture is white, exact to the sample."""
    tone = f"sine=frequency=900:sample_rate={rate}:samples_per_frame={rate // 5}:duration={seconds}"
    quiet = f"volume=volume=0:enable='gte(mod(t+{every - first},{every}),0.1)'"
    return ("-f", "lavfi", "-i", f"{tone},{quiet}")


def x264(*options: str) -> tuple[str, ...]:
    return ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p", *options)


def seen(picture: Path) -> list[float]:
    """Return when the picture turns white."""
    raw = picture.with_suffix(".gray")
    small = ("-vf", "scale=1:1:flags=area,format=gray", "-fps_mode", "passthrough", "-f", "rawvideo")
    run_ffmpeg("-i", str(picture), *small, str(raw))
    white = [luma > 100 for luma in raw.read_bytes()]
    times = shown_frames(picture)
    assert len(times) == len(white)
    return [time for time, (before, now) in zip(times[1:], pairwise(white), strict=True) if now and not before]


def heard(sound: Path) -> list[float]:
    """Return when a tone begins."""
    # The last is the end of the file, after a second of silence of ours.
    listen = ("-af", "apad=pad_dur=1,silencedetect=noise=-30dB:duration=0.3", "-f", "null", "-")
    said = run_ffmpeg("-v", "info", "-i", str(sound), *listen).stderr
    return [float(time) for time in re.findall(r"silence_end: ([0-9.]+)", said)][:-1]


def distances(package: Encoded) -> list[float]:
    """Return how far each tone is from the flash that it belongs to, in seconds."""
    tones = heard(package.media("audio"))
    flashed = seen(package.media(package.output.renditions[0]))
    assert len(flashed) >= 8
    return [min((tone - time for tone in tones), key=abs) for time in flashed]


def _screen_recording(path: Path) -> None:
    run_ffmpeg(*flashes(), *beeps(), *x264("-g", "50", "-bf", "2"), str(path))


def _transport_stream(path: Path) -> None:
    # Its clock overflows on the way, as that of a stream which has run for a day.
    run_ffmpeg(*flashes(), *beeps(), *x264("-g", "100"), "-output_ts_offset", "95420", "-f", "mpegts", str(path))


def _resized(path: Path) -> None:
    first, second = path.with_name("first.ts"), path.with_name("second.ts")
    run_ffmpeg(*flashes(seconds=30), *beeps(seconds=30), "-ac", "2", *x264("-g", "100"), "-f", "mpegts", str(first))
    other = ("-vf", "scale=96:96", "-ac", "1", "-ar", "44100", "-output_ts_offset", "30", "-f", "mpegts")
    rest = (*flashes(seconds=36, first=2), *beeps(seconds=36, first=2))
    run_ffmpeg(*rest, *x264("-g", "100"), *other, str(second))
    path.write_bytes(first.read_bytes() + second.read_bytes())


def _browser_recording(path: Path) -> None:
    vp8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
    run_ffmpeg(*flashes(), *beeps(), *vp8, "-f", "webm", "-live", "1", str(path))


def _flash_video(path: Path) -> None:
    run_ffmpeg(*flashes(), *beeps(rate=44_100), *x264("-g", "100"), "-c:a", "aac", "-f", "flv", str(path))


def _without_presentation_times(path: Path) -> None:
    run_ffmpeg(*flashes(), *beeps(), "-c:v", "mpeg4", "-bf", "0", "-c:a", "mp3", "-f", "avi", str(path))


def _sound_with_holes(path: Path) -> None:
    holes = ("-c:a", "aac", "-bsf:a", r"noise=drop=between(n\,500\,540)")
    run_ffmpeg(*flashes(), *beeps(), *x264("-g", "1000"), *holes, "-f", "matroska", str(path))


def _cut_by_an_editor(path: Path) -> None:
    whole = path.with_name("whole.mp4")
    run_ffmpeg(*flashes(), *beeps(), *x264("-g", "100", "-bf", "2"), str(whole))
    # Copied from between two key frames: an edit list hides what comes before.
    run_ffmpeg("-ss", "3.3", "-i", str(whole), "-c", "copy", str(path))


def _late_start(path: Path) -> None:
    run_ffmpeg(*flashes(), *beeps(), *x264("-g", "250"), "-output_ts_offset", "12.5", "-f", "mov", str(path))


SOURCES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "screen recording": ("mkv", _screen_recording),
    "transport stream whose clock overflows": ("ts", _transport_stream),
    "size and channels change on the way": ("ts", _resized),
    "browser's recording": ("webm", _browser_recording),
    "flash video": ("flv", _flash_video),
    "no presentation times": ("avi", _without_presentation_times),
    "sound with holes": ("mkv", _sound_with_holes),
    "cut by an editor": ("mp4", _cut_by_an_editor),
    "late start": ("mov", _late_start),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sound_stays_with_the_picture(storage: S3Storage, tmp_path: Path, name: str) -> None:
    extension, make = SOURCES[name]
    source = tmp_path / f"source.{extension}"
    make(source)
    package = encode(storage, source, folder=tmp_path)
    assert max(map(abs, distances(package))) <= APART_SECONDS
    assert errors_when_played(package.folder / "master.m3u8") == ""


@pytest.mark.parametrize("speed", [1.002, 0.998])
def test_clocks_that_run_apart_are_followed(storage: S3Storage, tmp_path: Path, speed: float) -> None:
    """A microphone's clock is not the screen's: the file says when each packet is heard, and that is what counts."""
    source = tmp_path / "source.mkv"
    drift = ("-c:a", "aac", "-bsf:a", f"setts=ts=TS*{speed}")
    run_ffmpeg(*flashes(), *beeps(), *x264("-g", "250"), *drift, str(source))
    package = encode(storage, source, folder=tmp_path)
    wanted = [FLASH_EVERY_SECONDS * number * speed for number in range(1, 14)]
    assert heard(package.media("audio")) == pytest.approx(wanted, abs=APART_SECONDS)


def test_a_long_hole_in_the_sound_is_not_held_in_memory(storage: S3Storage, tmp_path: Path) -> None:
    """To the operator: silence costs nothing to remember. Filled in one go these six minutes took 300 MB."""
    source = tmp_path / "source.mka"
    hole = "asetpts=PTS+if(gt(T\\,7)\\,360/TB\\,0)"
    run_ffmpeg(*beeps(seconds=14, rate=44_100), "-af", hole, "-c:a", "pcm_s16le", "-f", "matroska", str(source))
    package = encode(storage, source, folder=tmp_path, ffmpeg=Ffmpeg(memory_bytes=128 * 1024**2))
    assert heard(package.media("audio")) == pytest.approx([5, 370], abs=0.005)
    assert package.output.duration_seconds == pytest.approx(374, abs=0.1)


def test_an_hour_ends_as_it_began(storage: S3Storage, tmp_path: Path) -> None:
    """The sound at another rate, a key frame every minute: everything is encoded, in dozens of chunks."""
    source = tmp_path / "hour.mkv"
    hour = {"seconds": 3600, "every": 300}
    picture, sound = flashes(**hour, rate=2), beeps(**hour, rate=44_100)
    run_ffmpeg(*picture, *sound, *x264("-g", "120"), "-c:a", "flac", str(source))
    patient = ProcessingLimits(probe_seconds=20, stage_deadline_seconds=240, stall_seconds=30)
    package = encode(storage, source, folder=tmp_path, limits=patient)
    assert shown_frames(package.media("48p")) == pytest.approx([number / 2 for number in range(7200)], abs=0.0006)
    assert package.output.object_count <= 100
    apart = distances(package)
    assert len(apart) == 11
    assert max(map(abs, apart)) <= APART_SECONDS


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_slides_that_stand_for_long_keep_their_times(storage: S3Storage, tmp_path: Path, extension: str) -> None:
    """A screen recorder writes a frame when something changes: chunks meet where a frame is, and end where it does."""
    source = tmp_path / f"source.{extension}"
    picture = ("-f", "lavfi", "-i", "testsrc2=duration=80:size=64x48:rate=25")
    slides = ("-vf", "select='not(mod(n,177))+gt(n,1990)'", "-fps_mode", "vfr")
    run_ffmpeg(*picture, *beeps(seconds=80), *slides, *x264("-g", "8", "-bf", "3"), str(source))
    package = encode(storage, source, folder=tmp_path)
    times, segments = shown_frames(package.media("48p")), package.segments("48p")
    assert times == pytest.approx(frame_times(source), abs=0.0006)
    assert sum(segment.duration_seconds for segment in segments) == pytest.approx(times[-1] + 0.04, abs=0.002)
    assert package.output.duration_seconds == pytest.approx(80.0, abs=0.03)
    assert errors_when_played(package.folder / "master.m3u8") == ""


def set_clock_back(path: Path, *, after_seconds: float, by_seconds: float) -> None:
    """Let all clusters of a Matroska file after a time say that they are from earlier."""
    content = bytearray(path.read_bytes())
    at = content.find(CLUSTER)
    while at >= 0:
        field = content.index(b"\xe7", at + 4) + 1
        size = content[field] & 0x7F
        time = int.from_bytes(content[field + 1 : field + 1 + size], "big")
        if time > after_seconds * 1000:
            content[field + 1 : field + 1 + size] = (time - round(by_seconds * 1000)).to_bytes(size, "big")
        at = content.find(CLUSTER, field)
    length = content.index(DURATION) + len(DURATION)
    until = struct.unpack_from(">d", content, length)[0] - by_seconds * 1000
    struct.pack_into(">d", content, length, until)
    path.write_bytes(content)


def test_a_last_slide_stands_until_the_end(storage: S3Storage, tmp_path: Path) -> None:
    """Half a minute on one frame is no file that was cut off: the index says that this frame is the last."""
    source = tmp_path / "source.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=duration=20:size=64x48:rate=25")
    hold = ("-bsf:v", r"setts=duration=if(eq(N\,499)\,30/TB\,DURATION)")
    run_ffmpeg(*picture, *beeps(seconds=50), *x264("-g", "1000", "-bf", "0"), *hold, str(source))
    assert frame_times(source)[-1] == pytest.approx(19.96)
    package = encode(storage, source, folder=tmp_path)
    assert sum(segment.duration_seconds for segment in package.segments("48p")) == pytest.approx(50, abs=0.05)


@pytest.mark.parametrize("key_frames", ["-g 50", "-g 2000 -sc_threshold 0"])
def test_a_clock_that_goes_back_shows_nothing_twice(storage: S3Storage, tmp_path: Path, key_frames: str) -> None:
    """Could it be copied it would be, so a copy must notice."""
    source = tmp_path / "source.mkv"
    run_ffmpeg(*flashes(), *beeps(), *x264(*key_frames.split(), "-bf", "0"), "-c:a", "aac", str(source))
    set_clock_back(source, after_seconds=40, by_seconds=8)
    package = encode(storage, source, folder=tmp_path)
    times = shown_frames(package.media("48p"))
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(SECONDS - 8, abs=0.1)
    assert len(times) == pytest.approx((SECONDS - 8) * 25, abs=10)
    assert max(map(abs, distances(package))) <= APART_SECONDS
    assert errors_when_played(package.folder / "master.m3u8") == ""


@pytest.mark.parametrize(("name", "late"), [("picture", "-itsoffset 0.7"), ("sound", "-itsoffset 1.5")])
def test_what_starts_late_is_there_from_the_start(storage: S3Storage, tmp_path: Path, name: str, late: str) -> None:
    """Players wait for both: a first picture is shown at once, and silence goes before sound."""
    source = tmp_path / "source.mp4"
    offsets = {"picture": ((*late.split(),), ()), "sound": ((), (*late.split(),))}[name]
    run_ffmpeg(*offsets[0], *flashes(), *offsets[1], *beeps(), *x264("-g", "50"), str(source))
    starts = {stream["codec_type"]: float(stream["start_time"]) for stream in probe_report(source)["streams"]}
    assert max(starts.values()) > 0.6
    package = encode(storage, source, folder=tmp_path)
    times = shown_frames(package.media("48p"))
    assert times[0] == 0
    assert shown_frames(package.media("audio"))[0] == 0
    assert times[1:] == pytest.approx(frame_times(source)[1:], abs=0.0006)
    tones, apart = heard(package.media("audio")), 0.7 if name == "picture" else -1.5
    flashed = seen(package.media("48p"))
    assert [min((time - tone for tone in tones), key=lambda gap: abs(gap - apart)) for time in flashed] == (
        pytest.approx([apart] * len(flashed), abs=APART_SECONDS)
    )
