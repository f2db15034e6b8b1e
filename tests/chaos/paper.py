"""
An encoder that writes labels instead of pictures, where encoding is not the point.

Ledger, chunks, storage, playlists and the takeover of an earlier attempt's chunks are the product's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

from apps.support.video.domain.chunks import (
    Chunk,
    ChunkKind,
    ChunkState,
    InitSpan,
    JobPlan,
    Segment,
    TrackPart,
    Variant,
    parts_by_rendition,
)
from apps.support.video.domain.contracts import ClaimedJob, TranscodeOutput
from apps.support.video.domain.playlists import MASTER_NAME
from apps.worker.video_worker.lease import ProgressReporter
from apps.worker.video_worker.video.ledger import ChunkLedger, ChunkTicket
from apps.worker.video_worker.video.processor import lost_too_often, package_playlists
from apps.worker.video_worker.video.publisher import MEDIA_TYPE, gather_parts, store_files
from libs.media.process import ProcessAborted
from libs.s3_client.client import ObjectMissing

CHUNK_SECONDS = 6.0
RENDITION = "360p"
THUMBNAIL_NAME = "thumbnail.jpg"
INIT_BYTES = 6


class PaperStorage(Protocol):
    """Storage as this encoder needs it."""

    def read_bytes(self, key: str) -> bytes: ...

    def write_bytes(self, key: str, body: bytes, *, content_type: str) -> None: ...

    def upload_file(
        self, key: str, path: Path, *, content_type: str, on_bytes: Callable[[int], None] | None = None
    ) -> None: ...

    def copy(self, source_key: str, target_key: str) -> None: ...


def _nothing(_claim: ClaimedJob, _percent: float) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperProcessor:
    """
    Does what `JobProcessor` does, but for the pictures.

    Args:
        seconds_per_chunk: How long it pretends to work on each.
        heartbeat: Called after each chunk is written, before it is entered as done.
        patience_seconds: How long it waits for chunks that others hold.
    """

    storage: PaperStorage
    chunk_count: int = 2
    seconds_per_chunk: float = 0.0
    heartbeat: Callable[[ClaimedJob, float], None] = _nothing
    patience_seconds: float = 120.0

    def run(
        self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput:
        """Write a package. Raises what the real one raises."""
        progress.report(stage="verifying", percent=0.5)
        plan = self._plan(claim)
        ledger.open(plan)
        self._do_chunks(claim, progress, ledger)
        try:
            parts = gather_parts(
                ledger.parts(), prefix=claim.output_prefix, storage=self.storage, on_copied=lambda _: None
            )
        except ObjectMissing:
            ledger.discard()
            raise
        tracks = parts_by_rendition(parts)
        files = {THUMBNAIL_NAME: b"paper", **package_playlists(tracks, plan=plan)}
        if progress.should_stop():
            raise ProcessAborted("its caller wants it no longer")
        store_files(files, prefix=claim.output_prefix, storage=self.storage)
        progress.report(stage="packaging", percent=99.0)
        return TranscodeOutput(
            duration_seconds=self.chunk_count * CHUNK_SECONDS,
            width=640,
            height=360,
            has_audio=False,
            renditions=(RENDITION,),
            master_key=claim.output_prefix + MASTER_NAME,
            thumbnail_key=claim.output_prefix + THUMBNAIL_NAME,
            object_count=len(parts) + len(files),
            bytes_total=sum(part.size_bytes + INIT_BYTES for part in parts) + sum(map(len, files.values())),
        )

    def _do_chunks(self, claim: ClaimedJob, progress: ProgressReporter, ledger: ChunkLedger) -> None:
        looks_left = round(self.patience_seconds / 0.05)
        while True:
            while (ticket := ledger.claim({ChunkKind.VIDEO})) is not None:
                self._do(ticket, claim, progress, ledger)
            statuses = ledger.statuses()
            if failed := next((status for status in statuses if status.state is ChunkState.FAILED), None):
                raise lost_too_often(failed)
            if all(status.state is ChunkState.DONE for status in statuses):
                return
            if progress.should_stop():
                raise ProcessAborted("its caller wants it no longer")
            looks_left -= 1
            if looks_left < 0:
                raise TimeoutError("others hold chunks and do not end")
            _let_pass(0.05)

    def _do(self, ticket: ChunkTicket, claim: ClaimedJob, progress: ProgressReporter, ledger: ChunkLedger) -> None:
        try:
            self._pretend(ticket, progress, ledger)
            part = self._write(ticket)
            self.heartbeat(claim, 50.0)
            ledger.finish(ticket, parts=[part], said="")
        except Exception:
            ledger.release(ticket)
            raise

    def _pretend(self, ticket: ChunkTicket, progress: ProgressReporter, ledger: ChunkLedger) -> None:
        for step in range(1, max(2, round(self.seconds_per_chunk / 0.1)) if self.seconds_per_chunk else 2):
            _let_pass(0.1 if self.seconds_per_chunk else 0.0)
            ledger.moved(ticket, float(step))
            progress.report(stage="encoding", percent=10.0 + ticket.chunk.number, moved_to=float(step))
            if progress.should_stop():
                raise ProcessAborted("its caller wants it no longer")

    def _write(self, ticket: ChunkTicket) -> TrackPart:
        key = f"{ticket.stem}-{RENDITION}.mp4"
        body = f"paper {key}".encode()
        self.storage.write_bytes(key, body, content_type=MEDIA_TYPE)
        return TrackPart(
            rendition=RENDITION,
            key=key,
            codec="avc1.4d401e",
            start_seconds=ticket.chunk.start_seconds,
            frame_count=150,
            init=InitSpan(key=key, offset=0, size_bytes=INIT_BYTES, digest=key),
            segments=(Segment(duration_seconds=CHUNK_SECONDS, offset=INIT_BYTES, size_bytes=len(body) - INIT_BYTES),),
        )

    def _plan(self, claim: ClaimedJob) -> JobPlan:
        chunks = tuple(
            Chunk(
                kind=ChunkKind.VIDEO,
                number=number,
                start_seconds=number * CHUNK_SECONDS,
                end_seconds=None if number == self.chunk_count - 1 else (number + 1) * CHUNK_SECONDS,
                renditions=(RENDITION,),
            )
            for number in range(self.chunk_count)
        )
        return JobPlan(
            digest=f"paper-{self.chunk_count}-{claim.source_etag}",
            variants=(Variant(name=RENDITION, width=640, height=360, frames_per_second=25.0),),
            target_seconds={RENDITION: CHUNK_SECONDS},
            has_audio=False,
            duration_seconds=self.chunk_count * CHUNK_SECONDS,
            chunks=chunks,
        )


class NobodyHelps:
    """Helping is a worker's own business and has tests of its own."""

    def help_out(self) -> int:
        return 0


@dataclass
class ScriptedProcessor:
    """A processor that a scenario may make fail, and that a client may interrupt."""

    paper: PaperProcessor
    refusal: Exception | None = None
    """Every attempt fails so: it is the file."""
    failures: list[Exception] = field(default_factory=list)
    interruptions: list[Callable[[], object]] = field(default_factory=list)
    """Each happens before an attempt's work, and each of `last_words` after it."""
    last_words: list[Callable[[], object]] = field(default_factory=list)

    def run(
        self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput:
        if self.refusal is not None:
            raise self.refusal
        if self.failures:
            raise self.failures.pop(0)
        if self.interruptions:
            self.interruptions.pop(0)()
        output = self.paper.run(claim, folder=folder, progress=progress, ledger=ledger)
        if self.last_words:
            self.last_words.pop(0)()
        return output


def _let_pass(seconds: float) -> None:
    # Not time.sleep: libfaketime, which moves a worker's clock, makes it fail with EINVAL.
    Event().wait(seconds)
