"""Doing one chunk: run ffmpeg, lay out what it made, and carry that to storage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event

from apps.support.video.domain.chunks import AUDIO_RENDITION, Chunk, ChunkKind, JobPlan, TrackPart
from libs.media.facts import MediaFacts
from libs.media.ffmpeg import SOURCE_CAUSES, EncodeFailed, Ffmpeg, is_empty_output
from libs.media.pipes import NamedPipes, Taker
from libs.media.process import ProcessAborted, ProcessResult, Watch

from .carrier import Carrier, OnPart
from .crew import Crew
from .packager import (
    PICTURE_PART_SECONDS,
    SOUND_PART_SECONDS,
    STREAM_PART_SECONDS,
    PassPacker,
    StretchEnd,
    pack_chunk,
)
from .planner import EncodePlan, job_plan
from .publisher import MEDIA_TYPE, PackageStorage
from .transcoder import encoded_files, pass_arguments, video_arguments

# What is left of a whole source in its chunk's folder.
SMALLEST_NAME = "smallest.mp4"
CLOCK_WENT_BACK = "the clock of what was to be copied goes back"

OnSeconds = Callable[[float], None]
OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An object to be encoded, as one job sees it: pinned by its ETag, read by range."""

    url: str
    etag: str | None
    facts: MediaFacts
    plan: EncodePlan

    @property
    def job_plan(self) -> JobPlan:
        """Return the plan as the table has it."""
        return job_plan(self.plan, etag=self.etag)

    @property
    def digest(self) -> str:
        """Return what all workers that make this plan of this object agree on."""
        return self.job_plan.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """
    Where and under whose eyes a chunk is done.

    Args:
        stem: Key of the chunk's objects, without number and extension. No other attempt may write under it.
        folder: Empty before. Of a whole source its smallest picture is left there.
        on_seconds: Told how many seconds of the chunk are done.
        on_bytes: Told how many more bytes have been made or are on their way to storage; on several threads.
        on_part: Told of each part of a pass once it is in storage: it can be watched before the pass is done.
    """

    stem: str
    folder: Path
    watch: Watch
    on_seconds: OnSeconds
    on_bytes: OnBytes
    on_part: OnPart


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """The parts of a chunk, all in storage, and what the encoder said."""

    parts: tuple[TrackPart, ...]
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkEncoder:
    """Encodes chunks into objects. Knows nothing of rows and leases."""

    storage: PackageStorage
    ffmpeg: Ffmpeg

    def run(self, chunk: Chunk, *, source: Source, desk: Desk) -> ChunkResult:
        """
        Do a chunk.

        Raises:
            EncodeFailed, ProcessStopped, StorageError: As they say.
        """
        if chunk.kind is not ChunkKind.VIDEO:
            return self._pass(chunk, source, desk)
        if chunk.is_whole and not source.plan.is_short:
            return self._stream(chunk, source, desk)
        return self._encode(chunk, source, desk)

    def _encode(self, chunk: Chunk, source: Source, desk: Desk) -> ChunkResult:
        arguments = video_arguments(chunk, plan=source.plan, facts=source.facts, url=source.url, etag=source.etag)
        try:
            result = self.ffmpeg.run(arguments, watch=desk.watch, cwd=desk.folder, on_progress=desk.on_seconds)
        except EncodeFailed as error:
            if chunk.number > 0 and is_empty_output(error) and error.cause_code not in SOURCE_CAUSES:
                # The picture ended before the container's duration; whether it may is validation's to say.
                return ChunkResult(parts=(), stderr=error.detail)
            raise
        key, path = f"{desk.stem}.mp4", desk.folder / "chunk.mp4"
        files = encoded_files(chunk, desk.folder)
        if chunk.is_whole:
            _keep_smallest(source.plan, dict(files), folder=desk.folder)
        parts = pack_chunk(files, target=path, key=key, end=_end_of(chunk, source.plan))
        self._store(key, path, desk)
        path.unlink()
        return ChunkResult(parts=parts, stderr=result.stderr)

    def _stream(self, chunk: Chunk, source: Source, desk: Desk) -> ChunkResult:
        """Encode a source that cannot be cut, however long: what is made leaves for storage while it goes on."""
        arguments = video_arguments(chunk, plan=source.plan, facts=source.facts, url=source.url, etag=source.etag)
        with Carrier(store=lambda key, path: self._store(key, path, desk), on_stored=desk.on_part) as carrier:
            packers = {
                path: PassPacker(
                    rendition=rendition,
                    folder=desk.folder,
                    part_seconds=STREAM_PART_SECONDS,
                    name_part=partial("{}-{}-{:04d}.mp4".format, desk.stem, rendition),
                    store=carrier.take,
                    end=None if rendition == AUDIO_RENDITION else _end_of(chunk, source.plan),
                )
                for rendition, path in encoded_files(chunk, desk.folder)
            }
            takers = {path: packer.feed for path, packer in packers.items()}
            result = self._run_into_pipes(arguments, takers=takers, desk=desk)
            for packer in packers.values():
                packer.finish()
        return ChunkResult(parts=tuple(carrier.stored), stderr=result.stderr)

    def _run_into_pipes(self, arguments: list[str], *, takers: Mapping[Path, Taker], desk: Desk) -> ProcessResult:
        pipes, ended = NamedPipes(takers), Event()
        crew = Crew(should_stop=desk.watch.should_stop or (lambda: False))
        watch = replace(desk.watch, should_stop=crew.should_stop, is_held_up=lambda: pipes.is_taking)

        def encode() -> ProcessResult:
            try:
                return self.ffmpeg.run(arguments, watch=watch, cwd=desk.folder, on_progress=desk.on_seconds)
            finally:
                ended.set()

        result, _ = crew.run(main=encode, side=lambda: pipes.read(is_over=ended.is_set))
        return result

    def _pass(self, chunk: Chunk, source: Source, desk: Desk) -> ChunkResult:
        arguments = pass_arguments(chunk, plan=source.plan, facts=source.facts, url=source.url, etag=source.etag)

        def on_stored(part: TrackPart) -> None:
            desk.on_seconds(part.end_seconds)
            desk.on_part(part)

        with Carrier(store=lambda key, path: self._store(key, path, desk), on_stored=on_stored) as carrier:
            packer = PassPacker(
                rendition=chunk.renditions[0],
                folder=desk.folder,
                part_seconds=SOUND_PART_SECONDS if chunk.kind is ChunkKind.AUDIO else PICTURE_PART_SECONDS,
                name_part=lambda number: f"{desk.stem}-{number:04d}.mp4",
                store=carrier.take,
            )

            def take(content: bytes) -> None:
                packer.feed(content)
                # A part may take longer than a lease: what comes in before it leaves is movement too.
                desk.on_bytes(len(content))

            result = self.ffmpeg.stream(arguments, watch=desk.watch, cwd=desk.folder, on_bytes=take)
            packer.finish()
        complaint = f"\n{CLOCK_WENT_BACK}" if packer.is_crowded else ""
        return ChunkResult(parts=tuple(carrier.stored), stderr=result.stderr + complaint)

    def _store(self, key: str, path: Path, desk: Desk) -> None:
        def on_bytes(count: int) -> None:
            # A hundred megabytes may take minutes: a worker that is told to stop cannot wait for them.
            if desk.watch.should_stop is not None and desk.watch.should_stop():
                raise ProcessAborted("its caller wants it no longer")
            desk.on_bytes(count)

        self.storage.upload_file(key, path, content_type=MEDIA_TYPE, on_bytes=on_bytes)


def _end_of(chunk: Chunk, plan: EncodePlan) -> StretchEnd:
    if chunk.end_seconds is not None:
        # Whatever its last frame is, it is shown until the next chunk's first.
        return StretchEnd(seconds=chunk.end_seconds, last_frame_seconds=0.0)
    return StretchEnd(seconds=plan.last_picture_ends_seconds, last_frame_seconds=plan.last_picture_seconds)


def _keep_smallest(plan: EncodePlan, files: dict[str, Path], *, folder: Path) -> None:
    """Keep the smallest picture of a short video: decoding that for the storyboard is cheaper than the source."""
    (folder / SMALLEST_NAME).hardlink_to(files[plan.encoded[-1].name])
