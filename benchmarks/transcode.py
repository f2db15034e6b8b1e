"""
What encoding costs beside what it must: ratios in one run, over real footage and a whole installation.

    python -m benchmarks.transcode overhead     claim to READY against one bare ffmpeg that makes the same renditions
    python -m benchmarks.transcode sharing      two workers of a core each against one
    python -m benchmarks.transcode crowd        fifty workers on three hours, simulated with measured chunk costs
    python -m benchmarks.transcode first-frame  `complete` to the first frame in a browser, for three kinds of files
    python -m benchmarks.transcode kill         what is done twice when a worker is killed half-way
    python -m benchmarks.transcode footprint    objects of an hour; disk and memory of a worker
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from apps.support.video.domain.chunks import AUDIO_RENDITION, Chunk, ChunkKind
from apps.worker.video_worker.video.planner import plan_encode
from apps.worker.video_worker.video.transcoder import video_arguments
from benchmarks.encoding_site import Site
from benchmarks.footage import make_source, shipped_footage
from libs.media.binaries import find_binary
from libs.media.facts import MediaLimits
from libs.media.ffprobe import FfprobeProber
from tests.support.media_server import serving

ENCODED, COPIED = 10.0, 2.0


def main() -> None:
    options = _options()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    footage = options.footage or shipped_footage()
    with tempfile.TemporaryDirectory(prefix="academy-video-benchmark-") as folder:
        MEASURES[options.measure](footage, Path(folder), options.rounds)


def overhead(footage: Path, folder: Path, rounds: int) -> None:
    """Claim to READY against one command, with the same options, from and to the local disk."""
    sources = [
        make_source(footage, folder / f"{seconds}.mp4", seconds=seconds, height=height, key_frame_seconds=ENCODED)
        for seconds, height in ((10, 720), (30, 720), (90, 480))
    ]
    with Site() as site:
        site.encode(sources[0])
        for source in sources:
            pairs = []
            for number in range(rounds):
                bare = number % 2 and bare_seconds(source, folder)
                ours = site.encode(source).to_ready_seconds
                pairs.append((ours, bare or bare_seconds(source, folder)))
            ratio = statistics.median(ours / bare for ours, bare in pairs)
            shown = "  ".join(f"{ours:.1f}/{bare:.1f}" for ours, bare in pairs)
            print(
                f"{source.stem:>4} s: {shown}   ratio {ratio:.2f}   (aim {1.15 if source is not sources[-1] else 1.05})"
            )


def bare_seconds(source: Path, folder: Path) -> float:
    """Return how long one ffmpeg takes to make all renditions of a file, the sound included."""
    with serving(source.read_bytes()) as media:
        facts = FfprobeProber(ffprobe_path=None, limits=MediaLimits()).probe(url=media.url, timeout_seconds=60)
    plan = plan_encode(facts)
    names = (*(rendition.name for rendition in plan.encoded), AUDIO_RENDITION)
    whole = Chunk(kind=ChunkKind.VIDEO, number=0, start_seconds=0.0, end_seconds=None, renditions=names)
    arguments = video_arguments(whole, plan=plan, facts=facts, url=str(source), etag=None)
    # From the disk, so without what is for HTTP.
    arguments = arguments[arguments.index("-i") :]
    program = find_binary("ffmpeg", configured=None)
    started = time.perf_counter()
    subprocess.run([program, "-v", "error", "-nostdin", "-y", *arguments], check=True, cwd=folder, timeout=900)
    return time.perf_counter() - started


def sharing(footage: Path, folder: Path, rounds: int) -> None:
    source = make_source(footage, folder / "600.mp4", seconds=600, height=240, key_frame_seconds=ENCODED)
    results: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for workers in (1, 2) if number % 2 else (2, 1):
            with Site(workers=workers, pinned=True) as site:
                results[workers].append(site.encode(source).to_ready_seconds)
    ratio = statistics.median(alone / both for alone, both in zip(results[1], results[2], strict=True))
    print(f"one {results[1]} s   two {results[2]} s   ratio {ratio:.2f}   (aim 1.80)")


def first_frame(footage: Path, folder: Path, rounds: int) -> None:
    from benchmarks.first_frame import Viewer

    minute = make_source(footage, folder / "minute.mp4", seconds=60, height=720, key_frame_seconds=COPIED)
    hour = make_source(footage, folder / "hour.mp4", seconds=3600, height=360, key_frame_seconds=COPIED)
    encoded = make_source(footage, folder / "encoded.mp4", seconds=60, height=480, key_frame_seconds=ENCODED)
    with Site() as site, Viewer(site) as viewer:
        for name, source, aim in (
            ("1 min, copied", minute, "3"),
            ("1 min, encoded", encoded, "its first chunk + 2"),
            ("60 min, copied", hour, "10"),
        ):
            seconds = []
            for _ in range(1 if source is hour else rounds):
                video_id = site.store(source)
                seconds.append(viewer.seconds_to_first_frame(video_id))
                if source is not hour:
                    # The next must not wait behind this one.
                    site.wait_ready(video_id)
            shown = "  ".join(f"{value:.2f}" for value in seconds)
            print(f"{name}: {shown} s   median {statistics.median(seconds):.2f}   (aim {aim})")
    first = folder / "first.mp4"
    _first_stretch(encoded, first)
    print(f"encoding its first 8 s alone: {bare_seconds(first, folder):.2f} s")


def _first_stretch(source: Path, target: Path) -> None:
    program = find_binary("ffmpeg", configured=None)
    cut = ["-i", str(source), "-t", "8", "-c", "copy", str(target)]
    subprocess.run([program, "-v", "error", "-nostdin", "-y", *cut], check=True)


def kill(footage: Path, folder: Path, rounds: int) -> None:
    source = make_source(footage, folder / "600.mp4", seconds=600, height=240, key_frame_seconds=ENCODED)
    with Site() as site:
        for _ in range(rounds):
            video_id = site.store(source)
            said_at = site.complete(video_id)
            while site.percent(video_id) < 50:
                time.sleep(0.1)
            before = site.chunks(video_id)
            site.kill_worker()
            last = before
            while chunks := site.chunks(video_id):
                last = chunks
                time.sleep(0.1)
            site.wait_ready(video_id)
            done = {name for name, (state, _) in before.items() if state == "DONE"}
            again = {name for name, (_, attempts) in last.items() if attempts > 1}
            seconds = site.times(video_id, said_at=said_at).to_ready_seconds
            print(
                f"killed with {len(done)} of {len(before)} chunks done; begun again {sorted(again)}; "
                f"done twice {sorted(done & again)}; READY after {seconds:.0f} s"
            )


def footprint(footage: Path, folder: Path, _rounds: int) -> None:
    encoded = make_source(footage, folder / "encoded.mp4", seconds=120, height=720, key_frame_seconds=ENCODED)
    hour = make_source(
        footage, folder / "hour.mp4", seconds=3600, height=240, key_frame_seconds=ENCODED, frames_per_second=5
    )
    with Site() as site:
        for name, source in (("2 min of 720p", encoded), ("an hour of 240p", hour)):
            with site.watched() as held:
                times = site.encode(source)
            print(
                f"{name}: {times.object_count} objects, disk {held.disk_bytes / 1024**2:.0f} MiB, "
                f"memory {held.memory_bytes / 1024**2:.0f} MiB, READY after {times.to_ready_seconds:.0f} s"
            )


def crowd(footage: Path, folder: Path, _rounds: int) -> None:
    from benchmarks.crowd import simulate

    simulate(footage, folder)


MEASURES: dict[str, Callable[[Path, Path, int], None]] = {
    "overhead": overhead,
    "sharing": sharing,
    "crowd": crowd,
    "first-frame": first_frame,
    "kill": kill,
    "footprint": footprint,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=MEASURES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--footage", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
