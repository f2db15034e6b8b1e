"""Clips made by the real ffmpeg, and what tests ask of media."""

from __future__ import annotations

import inspect
import json
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from libs.media.binaries import find_binary
from tests.support.clip_store import kept

SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
FAST_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a tool said."""

    returncode: int
    stdout: str
    stderr: str


def run_ffmpeg(*arguments: str, cwd: Path | None = None) -> Ran:
    """Run ffmpeg, which must succeed."""
    ran = try_ffmpeg(*arguments, cwd=cwd)
    assert ran.returncode == 0, ran.stderr
    return ran


def try_ffmpeg(*arguments: str, cwd: Path | None = None) -> Ran:
    """Run ffmpeg and return how it ended; only errors are in `stderr`."""
    argv = [find_binary("ffmpeg", configured=None), "-hide_banner", "-nostdin", "-v", "error", "-y", *arguments]
    return _run(argv, cwd=cwd)


def probe_report(path: Path | str, *options: str) -> dict[str, Any]:
    """Return what ffprobe says of a file or playlist."""
    argv = [find_binary("ffprobe", configured=None), "-v", "error", "-allowed_extensions", "ALL"]
    if not str(path).endswith(".m3u8"):
        argv = argv[:3]
    ran = _run([*argv, *(options or ("-show_format", "-show_streams")), "-of", "json", str(path)])
    assert ran.returncode == 0, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def frame_times(path: Path, *, stream: str = "v:0") -> list[float]:
    """Return the presentation times of a stream's packets in seconds, in order."""
    report = probe_report(path, "-select_streams", stream, "-show_entries", "packet=pts_time")
    return sorted(float(packet["pts_time"]) for packet in report["packets"] if "pts_time" in packet)


def key_frame_times(path: Path) -> list[float]:
    """Return the presentation times of key frames in seconds."""
    report = probe_report(path, "-select_streams", "v:0", "-show_entries", "packet=pts_time,flags")
    return [float(packet["pts_time"]) for packet in report["packets"] if "K" in packet["flags"]]


def shown_frames(path: Path) -> list[float]:
    """
    Return when the samples of a fragmented file with one track are shown, in seconds, in order.

    Read from the boxes: ffprobe moves samples whose composition offset is negative, players do not.
    """
    content = path.read_bytes()
    at = content.index(b"mdhd") + 4
    timescale = struct.unpack_from(">I", content, at + (20 if content[at] else 12))[0]
    times: list[float] = []
    position = content.find(b"moof")
    while position >= 0:
        tfhd, tfdt, trun = (content.index(kind, position) + 4 for kind in (b"tfhd", b"tfdt", b"trun"))
        flags = int.from_bytes(content[tfhd + 1 : tfhd + 4], "big")
        assert flags & 0x09 == 0x08, "a base offset, or no duration"
        default = struct.unpack_from(">I", content, tfhd + (12 if flags & 0x02 else 8))[0]
        decoded = struct.unpack_from(">Q", content, tfdt + 4)[0]
        for duration, offset in _samples(content, trun, default=default):
            times.append((decoded + offset) / timescale)
            decoded += duration
        position = content.find(b"moof", trun)
    return sorted(times)


def _samples(content: bytes, trun: int, *, default: int) -> Iterator[tuple[int, int]]:
    flags = int.from_bytes(content[trun + 1 : trun + 4], "big")
    position = trun + 8 + 4 * (flags & 1) + (4 if flags & 4 else 0)
    for _ in range(struct.unpack_from(">I", content, trun + 4)[0]):
        values = {0x100: default, 0x800: 0}
        for flag in (0x100, 0x200, 0x400, 0x800):
            if flags & flag:
                values[flag] = struct.unpack_from(">i", content, position)[0]
                position += 4
        yield values[0x100], values[0x800]


def errors_when_played(master: Path) -> str:
    """Play every rendition and the sound from the first byte to the last, and return what ffmpeg complains of."""
    report = probe_report(master)
    maps = [part for stream in report["streams"] for part in ("-map", f"0:{stream['index']}")]
    as_they_come = ("-fps_mode", "passthrough", "-enc_time_base:v", "1:90000")
    played = try_ffmpeg(
        "-xerror", "-allowed_extensions", "ALL", "-i", str(master), *maps, *as_they_come, "-f", "null", "-"
    )
    return played.stderr if played.returncode == 0 else f"{played.returncode}: {played.stderr}"


def mean_luma(picture: Path) -> float:
    """Return the average brightness of a picture, 0 to 255."""
    raw = picture.with_suffix(".gray")
    run_ffmpeg("-i", str(picture), "-vf", "scale=1:1:flags=area,format=gray", "-f", "rawvideo", str(raw))
    return float(raw.read_bytes()[0])


def _run(argv: list[str], *, cwd: Path | None = None) -> Ran:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, errors="replace", timeout=120, cwd=cwd)
    return Ran(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)


def moving_picture(*, seconds: float, size: str, rate: float | str) -> tuple[str, ...]:
    """Return input options of a picture that changes with every frame."""
    return ("-f", "lavfi", "-i", f"testsrc2=duration={seconds}:size={size}:rate={rate}")


def _landscape(path: Path) -> None:
    run_ffmpeg(*moving_picture(seconds=9, size="1280x720", rate=10), *SOUND, "-t", "9", *FAST_H264, str(path))


def _lecture(path: Path) -> None:
    run_ffmpeg("-stream_loop", "9", "-i", str(clip("landscape")), "-c", "copy", str(path))


def _talk(path: Path) -> None:
    picture = moving_picture(seconds=80, size="640x360", rate=10)
    run_ffmpeg(*picture, *SOUND, "-t", "80", *FAST_H264, "-g", "80", "-crf", "35", str(path))


def _small(path: Path) -> None:
    run_ffmpeg(*moving_picture(seconds=6, size="640x360", rate=15), *SOUND, "-t", "6", *FAST_H264, str(path))


def _phone(path: Path) -> None:
    picture = moving_picture(seconds=20, size="640x360", rate="30000/1001")
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100")
    pictures = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "60", "-crf", "30", "-pix_fmt", "yuv420p")
    run_ffmpeg(*picture, *sound, "-t", "20", *pictures, "-c:a", "aac", str(path))


def _portrait(path: Path) -> None:
    run_ffmpeg(*moving_picture(seconds=3, size="360x640", rate=10), *SOUND, "-t", "3", *FAST_H264, str(path))


def _rotated(path: Path) -> None:
    run_ffmpeg("-display_rotation", "90", "-i", str(clip("small")), "-c", "copy", str(path))


def _odd(path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc=duration=3:size=641x363:rate=10")
    run_ffmpeg(*picture, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p", str(path))


def _wide_pixels(path: Path) -> None:
    picture = moving_picture(seconds=3, size="720x576", rate=25)
    run_ffmpeg(*picture, "-vf", "setsar=64/45", *FAST_H264, str(path))


def _silent(path: Path) -> None:
    run_ffmpeg(*moving_picture(seconds=3, size="320x180", rate=10), *FAST_H264, str(path))


def _long_sound(path: Path) -> None:
    picture = moving_picture(seconds=4, size="320x180", rate=10)
    run_ffmpeg(*picture, "-t", "9", *SOUND, "-map", "0", "-map", "1", "-t", "9", *FAST_H264, str(path))


def _short_sound(path: Path) -> None:
    picture = moving_picture(seconds=9, size="320x180", rate=10)
    run_ffmpeg(*picture, "-t", "3", *SOUND, "-map", "0", "-map", "1", *FAST_H264, str(path))


def _tiny(path: Path) -> None:
    run_ffmpeg(*moving_picture(seconds=2, size="64x48", rate=10), *SOUND, "-t", "2", *FAST_H264, str(path))


def _fragmented(path: Path) -> None:
    run_ffmpeg("-i", str(clip("small")), "-c", "copy", "-movflags", "frag_keyframe+empty_moov", str(path))


def _moov_first(path: Path) -> None:
    run_ffmpeg("-i", str(clip("small")), "-c", "copy", "-movflags", "+faststart", str(path))


def _pocket(path: Path) -> None:
    picture = moving_picture(seconds=6, size="128x72", rate=10)
    run_ffmpeg(*picture, *SOUND, "-t", "6", *FAST_H264, "-movflags", "+faststart", str(path))


def _webm(path: Path) -> None:
    picture = moving_picture(seconds=3, size="320x180", rate=10)
    vp8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
    # As a browser's recorder writes it: live, so without a duration.
    run_ffmpeg(*picture, *SOUND, "-t", "3", *vp8, "-f", "webm", "-live", "1", str(path))


def _black_then_bright(path: Path) -> None:
    black = ("-f", "lavfi", "-i", "color=black:size=320x180:rate=10:duration=10")
    bright = moving_picture(seconds=4, size="320x180", rate=10)
    run_ffmpeg(*black, *bright, "-filter_complex", "[0][1]concat=n=2", *FAST_H264, str(path))


def _many_streams(path: Path) -> None:
    maps = [part for _ in range(39) for part in ("-map", "1")]
    picture = moving_picture(seconds=1, size="64x48", rate=5)
    run_ffmpeg(*picture, "-t", "1", *SOUND, "-map", "0", *maps, "-t", "1", *FAST_H264, "-c:a", "aac", str(path))


def _huge_picture(path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "color=gray:size=16000x8200:rate=1:duration=1")
    run_ffmpeg(*picture, "-frames:v", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "mov", str(path))


def _endless(path: Path) -> None:
    picture = moving_picture(seconds=2, size="64x48", rate=2)
    late = ("-vf", "settb=1/1000,setpts=N*50000000", "-fps_mode", "passthrough", "-enc_time_base", "1/1000")
    run_ffmpeg(*picture, *late, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "matroska", str(path))


_MAKERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "landscape": ("mp4", _landscape),
    "lecture": ("mp4", _lecture),
    "talk": ("mp4", _talk),
    "small": ("mp4", _small),
    "phone": ("mp4", _phone),
    "portrait": ("mp4", _portrait),
    "rotated": ("mp4", _rotated),
    "odd": ("mp4", _odd),
    "wide_pixels": ("mp4", _wide_pixels),
    "silent": ("mp4", _silent),
    "long_sound": ("mp4", _long_sound),
    "short_sound": ("mp4", _short_sound),
    "tiny": ("mp4", _tiny),
    "fragmented": ("mp4", _fragmented),
    "moov_first": ("mp4", _moov_first),
    "pocket": ("mp4", _pocket),
    "webm": ("webm", _webm),
    "black_then_bright": ("mp4", _black_then_bright),
    "many_streams": ("mp4", _many_streams),
    "huge_picture": ("mov", _huge_picture),
    "endless": ("mkv", _endless),
}


@cache
def clip(name: str) -> Path:
    """Return a clip of `_MAKERS`, made when first asked for."""
    extension, make = _MAKERS[name]
    return made(f"{name}.{extension}", make)


def made(name: str, make: Callable[[Path], None]) -> Path:
    """Return a file that `make` writes with the help of this module. It is made again when either has changed."""
    this_module = Path(__file__).read_text(encoding="utf-8")
    return kept(name, made_by=f"{name}\n{inspect.getsource(make)}\n{this_module}", make=make)


@cache
def encrypted(*, index_first: bool = False) -> bytes:
    """Return a clip under Common Encryption, as a shop sells it."""
    key = ("-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")
    scheme = ("-encryption_scheme", "cenc-aes-ctr")
    flags = ("-movflags", "+faststart") if index_first else ()

    def make(path: Path) -> None:
        run_ffmpeg("-i", str(clip("small")), "-c", "copy", *scheme, *key, *flags, str(path))

    return made(f"encrypted-{index_first}.mp4", make).read_bytes()


def cut(path: Path, *, share: float) -> bytes:
    """Return the first part of a file, as an upload that stopped half-way would have left it."""
    body = path.read_bytes()
    return body[: int(len(body) * share)]


def flipped(path: Path, *, every_bytes: int, after_bytes: int) -> bytes:
    """Return a file's bytes with one bit in `every_bytes` turned over, the head left whole."""
    body = bytearray(path.read_bytes())
    for position in range(after_bytes, len(body), every_bytes):
        body[position] ^= 0x10
    return bytes(body)


# Shares of the full signal: black, 2, 18, 92, 203 (white paper), 390, 980 and 3,900 candela per square metre in PQ.
BRIGHTNESS = (0.0, 0.2, 0.35, 0.5, 0.58, 0.65, 0.75, 0.9)


def hdr_bars(target: Path, *, transfer: str) -> Path:
    """Make two seconds of bars side by side, as bright as `BRIGHTNESS`, in ten bits that say they are HDR."""
    bars = "+".join(f"eq(floor(X/60),{bar})*{round(64 + 876 * share)}" for bar, share in enumerate(BRIGHTNESS))
    tagged = f"setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc:range=tv"
    still = f"color=black:size=480x360:rate=10:duration=0.1,format=yuv420p10le,geq=lum='{bars}':cb=512:cr=512"
    picture = f"{still},loop=19:1,{tagged}"
    run_ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", str(target))
    assert probe_report(target)["streams"][0]["color_transfer"] == transfer
    return target


def lumas_across(picture: Path, *, count: int, within: str = "iw:ih") -> list[int]:
    """
    Return the mean luma of so many columns of the first frame, from left to right, black being 0 and white 255.

    Args:
        within: The part that is looked at, as ffmpeg's `crop` names it.
    """
    shown = picture.with_suffix(".gray")
    # A band of it: `scale` weighs hundreds of rows at once wrongly.
    columns = ("-vf", f"crop={within},crop=iw:8,scale={count}:1:flags=area,format=gray", "-f", "rawvideo")
    run_ffmpeg("-i", str(picture), "-frames:v", "1", *columns, str(shown))
    return list(shown.read_bytes())
