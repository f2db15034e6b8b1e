"""
What verification adds to `complete`: time, requests and bytes fetched, by container and size.

Each file is a real clip grown to its size by sparse padding (a box, element or atom that demuxers skip, or for files
whose index comes last, padding before it), served over HTTP with ranges. A HEAD and a GET of the probe both count.

    python -m benchmarks.probe [--sizes-mb 10 1000 10000] [--round-trip-ms 0]
"""

import argparse
import re
import statistics
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from benchmarks.range_server import RangeServer
from libs.media.binaries import find_binary
from libs.media.ffprobe import QUICK_INDEX_BYTES, FfprobeProber, MediaLimits, MediaRejected, ProbeTooLarge

MB = 1_000_000
ROUNDS = 3
LIMIT_SECONDS = 60.0
MOST_BYTES = 16 * 1024**2
CLIP_SECONDS = 20
HOUR_FROM_MB = 500
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus")
EBML_VOID = b"\xec"
# The largest length that an EBML number of eight bytes can say.
EBML_LENGTH_MARK = 1 << 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of container, and how ffmpeg is told to write it."""

    name: str
    suffix: str
    codec: tuple[str, ...] = H264
    flags: tuple[str, ...] = ()
    hours: int = 1


KINDS = (
    Kind(name="MP4, moov first", suffix=".mp4", flags=("-movflags", "+faststart")),
    Kind(name="MP4, moov last", suffix=".mp4"),
    Kind(name="MP4, moov last, 5 h", suffix=".mp4", hours=5),
    Kind(name="MP4, fragmented", suffix=".mp4", flags=("-movflags", "+frag_keyframe+empty_moov")),
    Kind(name="MOV", suffix=".mov"),
    Kind(name="MKV", suffix=".mkv"),
    Kind(name="WebM", suffix=".webm", codec=VP8),
)


def main() -> None:
    options = _options()
    prober = FfprobeProber(ffprobe_path=None, limits=MediaLimits(), largest_index_bytes=QUICK_INDEX_BYTES)
    print(f"{'container':<22}{'size':>9}{'time':>10}{'requests':>10}{'fetched':>12}  verdict")
    with tempfile.TemporaryDirectory() as folder:
        for name, path, size_mb in _files(Path(folder), options.sizes_mb):
            with RangeServer(path, round_trip_seconds=options.round_trip_ms / 1000) as server:
                _measure(prober, server, name=name, size_mb=size_mb)
            path.unlink()


def _measure(prober: FfprobeProber, server: RangeServer, *, name: str, size_mb: int) -> None:
    seconds: list[float] = []
    for _ in range(ROUNDS):
        server.forget()
        started = time.perf_counter()
        verdict = _verdict(prober, server.url)
        seconds.append(time.perf_counter() - started)
    mark = "" if server.sent_bytes <= MOST_BYTES else "  (over 16 MiB)"
    print(
        f"{name:<22}{size_mb:>6} MB{statistics.median(seconds) * 1000:>7.0f} ms{server.requests:>10}"
        f"{server.sent_bytes / 1024:>8.0f} KiB  {verdict}{mark}",
        flush=True,
    )


def _verdict(prober: FfprobeProber, url: str) -> str:
    try:
        facts = prober.probe(url=url, timeout_seconds=LIMIT_SECONDS)
    except MediaRejected as rejection:
        return rejection.cause_code
    except ProbeTooLarge:
        return "deferred"
    return f"{facts.duration_seconds if facts.duration_seconds is None else round(facts.duration_seconds, 1)} s"


def _files(folder: Path, sizes_mb: list[int]) -> Iterator[tuple[str, Path, int]]:
    for kind in KINDS:
        clip = _clip(folder, kind)
        # An index grows with the time, not with the bytes: large files are an hour long, and one kind is longer.
        hour = _hour(folder, kind, clip)
        for size_mb in sizes_mb:
            path, content = folder / f"grown{clip.suffix}", clip if size_mb < HOUR_FROM_MB else hour
            if content.stat().st_size > size_mb * MB:
                continue
            _grow(content, path, kind=kind.name, size_bytes=size_mb * MB)
            yield kind.name, path, size_mb


def _clip(folder: Path, kind: Kind) -> Path:
    path = folder / f"clip{kind.suffix}"
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=30:duration={CLIP_SECONDS}")
    sound = ("-f", "lavfi", "-i", f"sine=duration={CLIP_SECONDS}")
    _ffmpeg(*picture, *sound, *kind.codec, "-g", "30", *kind.flags, str(path))
    return path


def _hour(folder: Path, kind: Kind, clip: Path) -> Path:
    path = folder / f"hour{kind.suffix}"
    times = kind.hours * 3600 // CLIP_SECONDS
    _ffmpeg("-stream_loop", str(times - 1), "-i", str(clip), "-c", "copy", *kind.flags, str(path))
    return path


def _ffmpeg(*arguments: str) -> None:
    command = [find_binary("ffmpeg", configured=None), "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True, timeout=300)


def _grow(clip: Path, path: Path, *, kind: str, size_bytes: int) -> None:
    content = clip.read_bytes()
    if kind == "MP4, fragmented":
        _spread_fragments(content, path, size_bytes=size_bytes)
        return
    if kind in {"MKV", "WebM"}:
        with _sparse(path, size_bytes) as file:
            file.write(content)
            file.write(EBML_VOID + struct.pack(">Q", EBML_LENGTH_MARK | (size_bytes - len(content) - 9)))
        return
    # Boxes that come last stay last: the padding is an mdat of its own, before the index or after everything.
    at = content.index(b"moov") - 4 if "last" in kind or kind == "MOV" else len(content)
    padding = size_bytes - len(content)
    with _sparse(path, size_bytes) as file:
        file.write(content[:at] + struct.pack(">I4sQ", 1, b"mdat", padding))
        file.seek(at + padding)
        file.write(content[at:])


def _spread_fragments(content: bytes, path: Path, *, size_bytes: int) -> None:
    """Write padding behind each fragment, so that they lie all over the file."""
    starts = [found.start() - 4 for found in re.finditer(b"moof", content)]
    room = (size_bytes - len(content)) // len(starts)
    with _sparse(path, size_bytes) as file:
        file.write(content[: starts[0]])
        for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
            file.write(content[start:end])
            file.write(struct.pack(">I4sQ", 1, b"free", room))
            file.seek(room - 16, 1)


@contextmanager
def _sparse(path: Path, size_bytes: int) -> Iterator[BinaryIO]:
    with path.open("wb") as file:
        file.truncate(size_bytes)
        yield file


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--sizes-mb", type=int, nargs="*", default=[10, 1000, 10_000])
    parser.add_argument("--round-trip-ms", type=float, default=0.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
