"""One attempt, from the claim to a package in storage: verify, plan, encode by chunks, validate, write playlists."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from apps.support.video.domain.chunks import ChunkKind, TrackPart, parts_by_rendition
from apps.support.video.domain.contracts import ClaimedJob, TranscodeOutput
from apps.support.video.domain.playlists import MASTER_NAME, Variant, master_playlist, media_playlist, playlist_name
from libs.media.facts import MediaFacts
from libs.media.ffmpeg import Ffmpeg, decoding_failed
from libs.media.mp4_index import KeyFrameIndex
from libs.media.process import ProcessAborted, Watch

from ..lease import ProgressReporter
from .crew import Crew
from .encoder import SMALLEST_NAME, ChunkEncoder, Desk, Source
from .ledger import ChunkLedger
from .meter import TO_PERCENT, ProgressMeter
from .planner import LONGEST_KEY_FRAME_GAP_SECONDS, SEGMENT_SECONDS, EncodePlan, plan_encode
from .publisher import PackageStorage, store_files
from .storyboard import STORYBOARD_NAME, Footage, make_storyboard, source_footage
from .thumbnail import THUMBNAIL_NAME, make_thumbnail
from .validate import validate_package

SOURCE_URL_TTL_SECONDS = 12 * 3600
PACKAGED_PERCENT = 99.0
PASSES = (ChunkKind.COPY, ChunkKind.AUDIO)


class SourceStorage(PackageStorage, Protocol):
    """Storage as a worker needs it."""

    def presign_get(self, key: str, *, expires_seconds: float) -> str: ...


class SourceProber(Protocol):
    """Reads facts of a source. Raises what `libs.media.ffprobe` says."""

    def probe(self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None) -> MediaFacts: ...

    def key_frames(
        self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None
    ) -> KeyFrameIndex | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingLimits:
    """How long each stage may take, in seconds."""

    probe_seconds: float
    stage_deadline_seconds: float
    stall_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProcessor:
    """Turns a claimed job into a package. Knows nothing of queues and leases."""

    storage: SourceStorage
    prober: SourceProber
    ffmpeg: Ffmpeg
    limits: ProcessingLimits

    def run(
        self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput:
        """
        Do the work in `folder`, an empty directory of this attempt.

        Raises:
            MediaRejected, EncodeFailed: Whose `cause_code` says why.
            ProbeTimeout, ProbeCrashed, SourceUnreadable, StorageError: Ours; try again.
            ProcessStopped: `progress` wants us to stop, or a deadline passed.
        """
        progress.report(stage="verifying", percent=0.5)
        try:
            return self._attempt(claim, folder, progress, ledger, may_copy=True)
        except _SourceDamaged:
            return self._attempt(claim, folder, progress, ledger, may_copy=False)

    def _attempt(
        self, claim: ClaimedJob, folder: Path, progress: ProgressReporter, ledger: ChunkLedger, *, may_copy: bool
    ) -> TranscodeOutput:
        source = self._open(claim, may_copy=may_copy)
        ledger.open(source.plan, prefix=claim.output_prefix)
        return _Attempt(self, claim=claim, source=source, folder=folder, progress=progress, ledger=ledger).run()

    def _open(self, claim: ClaimedJob, *, may_copy: bool) -> Source:
        url = self.storage.presign_get(claim.source_key, expires_seconds=SOURCE_URL_TTL_SECONDS)
        etag, seconds = claim.source_etag, self.limits.probe_seconds
        facts = self.prober.probe(url=url, timeout_seconds=seconds, if_match_etag=etag)
        index = None
        if not facts.fragmented:
            index = self.prober.key_frames(url=url, timeout_seconds=seconds, if_match_etag=etag)
        return Source(url=url, etag=etag, facts=facts, plan=plan_encode(facts, index=index, may_copy=may_copy))


class _SourceDamaged(Exception):
    """Some of the source cannot be decoded: an encoder conceals that, a browser that gets a copy may stop there."""


class _Attempt:
    """What one run of the processor has in its hands."""

    def __init__(
        self,
        processor: JobProcessor,
        *,
        claim: ClaimedJob,
        source: Source,
        folder: Path,
        progress: ProgressReporter,
        ledger: ChunkLedger,
    ) -> None:
        self._processor = processor
        self._claim = claim
        self._source = source
        self._folder = folder
        self._progress = progress
        self._ledger = ledger
        self._meter = ProgressMeter(source.plan, progress)
        self._crew = Crew(should_stop=progress.should_stop)
        self._said: list[str] = []

    def run(self) -> TranscodeOutput:
        _, thumbnail = self._crew.run(
            main=lambda: self._do_chunks({ChunkKind.VIDEO}, name="main"), side=self._do_passes
        )
        self._do_chunks(set(ChunkKind), name="rest")
        said = "\n".join(self._said)
        self._progress.report(stage="packaging", percent=TO_PERCENT)
        tracks = parts_by_rendition(self._ledger.parts())
        plan, facts = self._source.plan, self._source.facts
        duration = validate_package(tracks, plan=plan, facts=facts, stderr=said)
        if self._source.plan.copies and decoding_failed(said):
            raise _SourceDamaged
        files = {
            THUMBNAIL_NAME: thumbnail,
            **self._storyboard(duration),
            **_playlists(tracks, plan=plan, prefix=self._claim.output_prefix),
        }
        if self._progress.should_stop():
            raise ProcessAborted("its caller wants it no longer")
        store_files(files, prefix=self._claim.output_prefix, storage=self._processor.storage)
        return self._output(files, duration_seconds=duration)

    def _do_passes(self) -> bytes:
        """Copy what can be copied and do the sound, beside the encode, then take the thumbnail."""
        self._do_chunks(PASSES, name="side")
        folder = self._new_folder("thumbnail")
        return make_thumbnail(self._source, folder=folder, ffmpeg=self._processor.ffmpeg, watch=self._watch())

    def _do_chunks(self, kinds: Collection[ChunkKind], *, name: str) -> None:
        encoder = ChunkEncoder(storage=self._processor.storage, ffmpeg=self._processor.ffmpeg)
        folder = self._new_folder(name)
        while (ticket := self._ledger.claim(kinds)) is not None:
            desk = Desk(
                stem=ticket.stem,
                folder=folder,
                watch=self._watch(),
                on_seconds=self._meter.of(ticket.chunk),
                on_bytes=self._meter.sent,
                on_part=partial(self._ledger.record, ticket),
            )
            result = encoder.run(ticket.chunk, source=self._source, desk=desk)
            self._said.append(result.stderr)
            self._ledger.finish(ticket)
            self._meter.finished(ticket.chunk)

    def _storyboard(self, duration_seconds: float) -> dict[str, bytes]:
        def on_seconds(seconds: float) -> None:
            share = min(1.0, seconds / duration_seconds)
            percent = TO_PERCENT + (PACKAGED_PERCENT - TO_PERCENT) * share
            self._progress.report(stage="packaging", percent=percent, moved_to=seconds)

        return make_storyboard(
            self._footage(duration_seconds),
            duration_seconds=duration_seconds,
            folder=self._new_folder("storyboard"),
            ffmpeg=self._processor.ffmpeg,
            watch=self._watch(),
            on_seconds=on_seconds,
        )

    def _footage(self, duration_seconds: float) -> Footage:
        smallest = self._folder / "main" / SMALLEST_NAME
        if not smallest.exists():
            return source_footage(self._source, duration_seconds=duration_seconds)
        rendition = self._source.plan.encoded[-1]
        return Footage(
            input_arguments=("-i", str(smallest)), stream="0:v:0", width=rendition.width, height=rendition.height
        )

    def _new_folder(self, name: str) -> Path:
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _watch(self) -> Watch:
        limits = self._processor.limits
        return Watch(
            deadline_seconds=limits.stage_deadline_seconds,
            stall_seconds=limits.stall_seconds,
            should_stop=self._crew.should_stop,
        )

    def _output(self, files: dict[str, bytes], *, duration_seconds: float) -> TranscodeOutput:
        picture, prefix, parts = self._source.facts.video, self._claim.output_prefix, self._ledger.parts()
        media = sum(part.size_bytes for part in parts) + sum(
            {part.init.digest: part.init.size_bytes for part in parts}.values()
        )
        return TranscodeOutput(
            duration_seconds=round(duration_seconds, 3),
            width=picture.width if picture else 0,
            height=picture.height if picture else 0,
            has_audio=self._source.plan.has_audio,
            renditions=tuple(rendition.name for rendition in self._source.plan.renditions),
            master_key=prefix + MASTER_NAME,
            thumbnail_key=prefix + THUMBNAIL_NAME,
            storyboard_key=prefix + STORYBOARD_NAME,
            object_count=len({part.key for part in parts}) + len(files),
            bytes_total=media + sum(len(body) for body in files.values()),
        )


def _playlists(tracks: dict[str, tuple[TrackPart, ...]], *, plan: EncodePlan, prefix: str) -> dict[str, bytes]:
    copied = {rendition.name for rendition in plan.renditions if rendition.is_copy}
    texts = {
        playlist_name(name): media_playlist(
            parts,
            prefix=prefix,
            target_seconds=SEGMENT_SECONDS + LONGEST_KEY_FRAME_GAP_SECONDS if name in copied else SEGMENT_SECONDS,
            is_complete=True,
        )
        for name, parts in tracks.items()
    }
    variants = [
        Variant(
            name=rendition.name,
            width=rendition.width,
            height=rendition.height,
            frames_per_second=rendition.frames_per_second,
        )
        for rendition in plan.renditions
    ]
    texts[MASTER_NAME] = master_playlist(variants, tracks)
    return {name: text.encode() for name, text in texts.items()}
