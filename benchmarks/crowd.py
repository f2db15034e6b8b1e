"""
Many workers on a long lecture, in a time of their own: the real plan, and what its chunks cost when measured.

Whoever is free takes the first chunk that nobody does, as the ledger hands them out. The job's own worker looks at the
source first, carries sound and copy beside its chunks, and publishes when all is done.
"""

import heapq
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from apps.support.video.domain.chunks import Chunk, ChunkKind
from apps.worker.video_worker.video.encoder import ChunkEncoder, Desk, Source
from apps.worker.video_worker.video.planner import EncodePlan, plan_encode
from benchmarks.footage import make_source
from libs.media.facts import MediaLimits
from libs.media.ffmpeg import Ffmpeg
from libs.media.ffprobe import FfprobeProber
from libs.media.key_frames import KeyFrameIndex
from libs.media.process import Watch
from tests.support.media_server import serving

WORKERS, LECTURE_SECONDS, KEY_FRAMES_APART = 50, 3 * 3600, 10.0
MEASURED_SECONDS = (8.0, 16.0, 32.0)


class _Nowhere:
    """Storage that costs nothing: carrying to it goes on beside the encode."""

    def upload_file(self, *_: object, **__: object) -> None: ...

    def write_bytes(self, *_: object, **__: object) -> None: ...

    def copy(self, *_: object) -> None: ...


def simulate(footage: Path, folder: Path) -> None:
    """Print how long the lecture takes, and what share that is of ideal."""
    source = make_source(footage, folder / "lecture.mp4", seconds=60, height=480, key_frame_seconds=KEY_FRAMES_APART)
    with serving(source.read_bytes()) as media:
        started = time.perf_counter()
        facts = FfprobeProber(ffprobe_path=None, limits=MediaLimits()).probe(url=media.url, timeout_seconds=60)
        opening = time.perf_counter() - started
        cost_of = _measured_costs(Source(url=media.url, etag=None, facts=facts, plan=plan_encode(facts)))
    keys = tuple(KEY_FRAMES_APART * number for number in range(int(LECTURE_SECONDS / KEY_FRAMES_APART)))
    assert facts.video is not None
    long = replace(facts, duration_seconds=float(LECTURE_SECONDS), video=replace(facts.video, duration_seconds=None))
    plan = plan_encode(long, index=KeyFrameIndex(key_frames=keys, is_plain=True))
    total, makespan = _run(plan, cost_of, opening=opening)
    ideal = total / WORKERS
    print(
        f"{len(plan.chunks)} chunks, {total:.0f} s of work: {WORKERS} workers take {makespan:.1f} s, "
        f"ideal {ideal:.1f} s, ratio {ideal / makespan:.2f}   (aim 0.85)"
    )


def _measured_costs(source: Source) -> Callable[[Chunk], float]:
    """Return what a chunk costs on one core: a start that is the same for all, and so much a second."""
    os.sched_setaffinity(0, {0})
    points = [(seconds, _seconds_of(ChunkKind.VIDEO, seconds, source)) for seconds in MEASURED_SECONDS]
    (short, fast), (long, slow) = points[0], points[-1]
    rate = (slow - fast) / (long - short)
    start = max(0.0, fast - short * rate)
    sound = _seconds_of(ChunkKind.AUDIO, None, source) / (source.facts.duration_seconds or 1.0)
    print(f"a chunk costs {start:.2f} s and {rate:.3f} s a second, sound {sound:.4f} s a second")
    per_second = {ChunkKind.VIDEO: rate, ChunkKind.AUDIO: sound, ChunkKind.COPY: sound}

    def cost_of(chunk: Chunk) -> float:
        end = LECTURE_SECONDS if chunk.end_seconds is None else chunk.end_seconds
        return start + per_second[chunk.kind] * (end - chunk.start_seconds)

    return cost_of


def _seconds_of(kind: ChunkKind, seconds: float | None, source: Source) -> float:
    names = tuple(r.name for r in source.plan.encoded) if kind is ChunkKind.VIDEO else ("audio",)
    chunk = Chunk(kind=kind, number=0, start_seconds=0.0, end_seconds=seconds, renditions=names)
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(
            stem="a",
            folder=Path(folder),
            watch=Watch(deadline_seconds=600),
            on_seconds=lambda _: None,
            on_bytes=lambda _: None,
            on_part=lambda _: None,
        )
        started = time.perf_counter()
        ChunkEncoder(storage=_Nowhere(), ffmpeg=Ffmpeg()).run(chunk, source=source, desk=desk)
        return time.perf_counter() - started


def _run(plan: EncodePlan, cost_of: Callable[[Chunk], float], *, opening: float) -> tuple[float, float]:
    """Return all work in seconds, and when the last of it is done."""
    # Everybody looks at the source once; the others are woken up when the plan is there.
    free_at = [opening] + [2 * opening] * (WORKERS - 1)
    heapq.heapify(free_at)
    done = 0.0
    for chunk in plan.chunks:
        started = heapq.heappop(free_at)
        ended = started + cost_of(chunk)
        heapq.heappush(free_at, ended)
        done = max(done, ended)
    return opening + sum(map(cost_of, plan.chunks)), done
