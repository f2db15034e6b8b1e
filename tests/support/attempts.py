"""Attempts without a queue and a table: a source in real storage, and what the processor makes of it."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from apps.support.video.domain.contracts import ClaimedJob, EncodingChoices, TranscodeOutput
from apps.worker.video_worker.video.encoder import Source
from apps.worker.video_worker.video.processor import JobProcessor, ProcessingLimits
from libs.media.facts import MediaLimits
from libs.media.ffmpeg import Ffmpeg
from libs.media.ffprobe import FfprobeProber
from libs.s3_client.client import S3Storage
from tests.support.ledgers import MemoryLedger

LIMITS = ProcessingLimits(probe_seconds=20, stage_deadline_seconds=60, stall_seconds=30)


@dataclass
class RecordingProgress:
    """Where a processor reports to. `stop_when` is asked at each report whether the attempt should end."""

    reports: list[tuple[str, float]] = field(default_factory=list)
    stop_when: Callable[[str, float], bool] = lambda _stage, _percent: False
    stopping: threading.Event = field(default_factory=threading.Event)

    def report(
        self, *, stage: str, percent: float, remaining_seconds: float | None = None, moved_to: float | None = None
    ) -> None:
        self.reports.append((stage, percent))
        if self.stop_when(stage, percent):
            self.stopping.set()

    def should_stop(self) -> bool:
        return self.stopping.is_set()


@dataclass(frozen=True, kw_only=True)
class PlayedSegment:
    """A segment as a player finds it by the playlist."""

    uri: str
    offset: int
    duration_seconds: float
    init: bytes
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package brought back from storage."""

    folder: Path

    @property
    def master(self) -> str:
        return (self.folder / "master.m3u8").read_text(encoding="utf-8")

    def playlist(self, name: str) -> str:
        return (self.folder / f"{name}.m3u8").read_text(encoding="utf-8")

    def segments(self, name: str) -> list[PlayedSegment]:
        return read_playlist(self.folder / f"{name}.m3u8")

    def media(self, name: str) -> Path:
        """Return a rendition as one file: its initialisation section and all its segments."""
        target = self.folder.parent / f"{name}.joined.mp4"
        if not target.exists():
            segments = self.segments(name)
            target.write_bytes(segments[0].init + b"".join(segment.content for segment in segments))
        return target


@dataclass(frozen=True, kw_only=True)
class Encoded(Package):
    """A package, and what its attempt said."""

    output: TranscodeOutput
    progress: RecordingProgress


def read_playlist(path: Path) -> list[PlayedSegment]:
    """Read a media playlist as a player does, without our own reader: every range must lie within its file."""
    segments: list[PlayedSegment] = []
    init, duration, size, offset = b"", 0.0, 0, 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#EXT-X-MAP:"):
            uri, map_size, map_offset = re.findall(r'URI="(.*)",BYTERANGE="(\d+)@(\d+)"', line)[0]
            init = _range_of(path.parent / uri, int(map_offset), int(map_size))
        elif line.startswith("#EXTINF:"):
            duration = float(line.removeprefix("#EXTINF:").rstrip(","))
        elif line.startswith("#EXT-X-BYTERANGE:"):
            size, offset = (int(number) for number in line.removeprefix("#EXT-X-BYTERANGE:").split("@"))
        elif line and not line.startswith("#"):
            content = _range_of(path.parent / line, offset, size)
            segments.append(
                PlayedSegment(uri=line, offset=offset, duration_seconds=duration, init=init, content=content)
            )
    return segments


def _range_of(path: Path, offset: int, size_bytes: int) -> bytes:
    content = path.read_bytes()[offset : offset + size_bytes]
    assert len(content) == size_bytes, f"{path.name} ends before {offset} + {size_bytes}"
    return content


def put_source(storage: S3Storage, source: Path | bytes) -> ClaimedJob:
    """Store a source as an upload would, and return a claim on it."""
    body = source if isinstance(source, bytes) else source.read_bytes()
    token = uuid.uuid4()
    key = f"tenants/1/video/raw/1/{token}.mp4"
    storage.write_bytes(key, body, content_type="video/mp4")
    return ClaimedJob(
        job_id=token,
        video_id=1,
        tenant_id=1,
        attempt=1,
        source_key=key,
        source_etag=storage.head(key).etag,
        source_size_bytes=len(body),
        verified=True,
        output_prefix=f"tenants/1/video/hls/1/{token}-1/",
        longest_seconds=12 * 3600.0,
    )


def processor_of(
    storage: S3Storage,
    *,
    limits: ProcessingLimits = LIMITS,
    media: MediaLimits | None = None,
    ffmpeg: Ffmpeg | None = None,
) -> JobProcessor:
    """Return a processor over real tools and real storage."""
    return JobProcessor(
        storage=storage,
        prober=FfprobeProber(ffprobe_path=None, limits=media or MediaLimits()),
        ffmpeg=ffmpeg or Ffmpeg(),
        limits=limits,
    )


def encode(
    storage: S3Storage,
    source: Path | bytes,
    *,
    folder: Path,
    limits: ProcessingLimits = LIMITS,
    choices: EncodingChoices | None = None,
    ffmpeg: Ffmpeg | None = None,
) -> Encoded:
    """Run one attempt and bring its package back."""
    claim = replace(put_source(storage, source), encoding=choices or EncodingChoices())
    progress = RecordingProgress()
    work = folder / "work"
    work.mkdir()
    processor = processor_of(storage, limits=limits, ffmpeg=ffmpeg)
    output = processor.run(claim, folder=work, progress=progress, ledger=MemoryLedger(claim))
    package = folder / "package"
    for entry in storage.list_objects(claim.output_prefix):
        path = package / entry.key.removeprefix(claim.output_prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(storage.read_bytes(entry.key))
    return Encoded(output=output, folder=package, progress=progress)


def opened(claim: ClaimedJob, storage: S3Storage) -> tuple[Source, Source]:
    """Return a claim's source, copied as far as it may be and encoded."""
    return processor_of(storage).open(claim, on_probed=lambda: None)
