"""One attempt, from the claim to a package in storage: verify, plan, encode by chunks, validate, write playlists."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event

from apps.support.video.domain.chunks import ChunkKind, ChunkState, ChunkStatus, JobPlan, TrackPart, parts_by_rendition
from apps.support.video.domain.contracts import ClaimedJob, TranscodeOutput
from apps.support.video.domain.playlists import MASTER_NAME, master_playlist, media_playlist, playlist_name
from libs.media.facts import require_length
from libs.media.ffmpeg import SOURCE_CAUSES, EncodeFailed, decoding_failed
from libs.media.http_source import HttpSource
from libs.media.process import ProcessAborted
from libs.observability import tracing
from libs.s3_client.client import ObjectMissing

from ..lease import ProgressReporter
from .crew import Crew
from .encoder import CLOCK_WENT_BACK, Source
from .ledger import ChunkLedger
from .meter import TO_PERCENT, ProgressMeter
from .pictures import PictureMaker
from .publisher import gather_parts, store_files
from .storyboard import STORYBOARD_NAME
from .thumbnail import THUMBNAIL_NAME
from .validate import validate_package
from .workshop import ProcessingLimits, Workshop

__all__ = ["JobProcessor", "ProcessingLimits"]

PACKAGED_PERCENT = 99.0
# Between two looks at what others are still doing.
LOOK_SECONDS = 0.5


class JobProcessor(Workshop):
    """Turns a claimed job into a package. Knows nothing of queues and leases."""

    __slots__ = ()

    def run(
        self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput:
        """
        Do the work in `folder`, an empty directory of this attempt.

        Raises:
            MediaRejected, EncodeFailed: Whose `cause_code` says why.
            SourceChanged, SourceGone: The object is not the one that was verified.
            ProbeTimeout, ProbeCrashed, SourceUnreadable, StorageError: Ours; try again.
            ProcessStopped: `progress` wants us to stop, or a deadline passed.
            LeaseLost: The job or one of its chunks is another's.
        """
        progress.report(stage="verifying", percent=0.5)
        copied, encoded = self.open(claim, on_probed=lambda: progress.report(stage="verifying", percent=1.0))
        # An attempt before this one may have found that the copy is no good.
        first = encoded if encoded.digest == claim.plan_digest else copied
        try:
            return self._attempt(claim, first, folder, progress, ledger)
        except _SourceDamaged:
            return self._attempt(claim, encoded, folder, progress, ledger)

    def _attempt(
        self, claim: ClaimedJob, source: Source, folder: Path, progress: ProgressReporter, ledger: ChunkLedger
    ) -> TranscodeOutput:
        attempt = _Attempt(self, claim=claim, source=source, folder=folder, progress=progress, ledger=ledger)
        try:
            return attempt.run()
        except EncodeFailed as failure:
            if failure.cause_code in SOURCE_CAUSES:
                # ffmpeg does not say that the object is another one now; storage does.
                HttpSource(source.url, if_match_etag=source.etag, timeout_seconds=self.limits.probe_seconds).read(0, 1)
            raise


class _SourceDamaged(Exception):
    """Some of the source cannot be decoded: an encoder conceals that, a browser that gets a copy may stop there."""


class _Attempt:
    """What one run of the processor has in its hands."""

    def __init__(
        self,
        workshop: Workshop,
        *,
        claim: ClaimedJob,
        source: Source,
        folder: Path,
        progress: ProgressReporter,
        ledger: ChunkLedger,
    ) -> None:
        self._workshop = workshop
        self._claim = claim
        self._source = source
        self._folder = folder
        self._progress = progress
        self._ledger = ledger
        self._plan = source.job_plan
        self._meter = ProgressMeter(source.plan, progress)
        self._crew = Crew(should_stop=progress.should_stop)
        self._pictures = PictureMaker(
            source=source, ffmpeg=workshop.ffmpeg, watch=lambda: workshop.watch(self._crew.should_stop)
        )

    def run(self) -> TranscodeOutput:
        self._ledger.open(self._plan)
        self._meter.elsewhere(self._ledger.statuses())
        _, pictures = self._crew.run(
            main=lambda: self._do_chunks({ChunkKind.VIDEO}, name="main", crew=self._crew), side=self._do_side
        )
        self._finish_chunks()
        with tracing.span("package"):
            return self._package(pictures)

    def _package(self, pictures: dict[str, bytes]) -> TranscodeOutput:
        parts = self._gather()
        tracks = parts_by_rendition(parts)
        duration = self._validate(tracks)
        if self._source.facts.duration_seconds is None:
            # A recording of a browser's own says only now how long it is.
            require_length(duration, longest_seconds=self._claim.longest_seconds)
        if STORYBOARD_NAME not in pictures:
            pictures |= self._storyboard_at_last(duration, thumbnail=pictures[THUMBNAIL_NAME])
        files = {**pictures, **package_playlists(tracks, plan=self._plan)}
        self._stop_if_told()
        store_files(files, prefix=self._claim.output_prefix, storage=self._workshop.storage)
        return self._output(files, parts, duration_seconds=duration)

    def _do_side(self) -> dict[str, bytes]:
        """Copy what can be copied and do the sound, beside the encode, then take the pictures."""
        # A picture cannot be watched without its sound: neither waits for hours of the other.
        passes = Crew(should_stop=self._crew.should_stop)
        passes.run(
            main=lambda: self._do_chunks({ChunkKind.COPY}, name="copy", crew=passes),
            side=lambda: self._do_chunks({ChunkKind.AUDIO}, name="sound", crew=passes),
        )
        self._raise_if_damaged(self._ledger.statuses())
        with tracing.span("take pictures"):
            return self._take_pictures()

    def _take_pictures(self) -> dict[str, bytes]:
        def on_seconds(_seconds: float) -> None:
            self._meter.looked()

        thumbnail = self._pictures.thumbnail(self._subfolder("thumbnail"), on_seconds=on_seconds)
        files = {THUMBNAIL_NAME: thumbnail}
        seconds = self._source.facts.duration_seconds
        if seconds is None or not self._pictures.may_go_ahead:
            return files
        return files | self._pictures.storyboard(
            self._subfolder("storyboard"),
            duration_seconds=seconds,
            encoded=None,
            thumbnail=thumbnail,
            on_seconds=on_seconds,
        )

    def _finish_chunks(self) -> None:
        """Wait for chunks that others do, and take over those that they lose."""
        while True:
            self._do_chunks(set(ChunkKind), name="main", crew=self._crew)
            statuses = self._ledger.statuses()
            self._meter.elsewhere(statuses)
            _raise_if_lost(statuses)
            self._raise_if_damaged(statuses)
            if all(status.state is ChunkState.DONE for status in statuses):
                return
            self._stop_if_told()
            Event().wait(LOOK_SECONDS)

    def _raise_if_damaged(self, statuses: Sequence[ChunkStatus]) -> None:
        """Find out before everything is encoded that the copy is no good."""
        said = "\n".join(status.said for status in statuses)
        if self._source.plan.copies and (decoding_failed(said) or CLOCK_WENT_BACK in said):
            raise _SourceDamaged

    def _do_chunks(self, kinds: Collection[ChunkKind], *, name: str, crew: Crew) -> None:
        while (ticket := self._ledger.claim(kinds)) is not None:
            try:
                self._workshop.do(
                    ticket,
                    source=self._source,
                    folder=self._subfolder(name),
                    ledger=self._ledger,
                    meter=self._meter,
                    should_stop=crew.should_stop,
                )
            except Exception:
                # Whatever becomes of the attempt, the next one need not wait for this lease to run out.
                self._ledger.release(ticket)
                raise
            self._meter.elsewhere(self._ledger.statuses())

    def _gather(self) -> tuple[TrackPart, ...]:
        def on_copied(count: int) -> None:
            self._stop_if_told()
            self._progress.report(stage="packaging", percent=TO_PERCENT, moved_to=count)

        prefix, storage = self._claim.output_prefix, self._workshop.storage
        try:
            return gather_parts(self._ledger.parts(), prefix=prefix, storage=storage, on_copied=on_copied)
        except ObjectMissing:
            self._ledger.discard()
            raise

    def _validate(self, tracks: Mapping[str, Sequence[TrackPart]]) -> float:
        try:
            return validate_package(tracks, plan=self._source.plan, facts=self._source.facts)
        except EncodeFailed as failure:
            if not failure.is_files_fault:
                # What is finished is what is wrong: the next attempt must not find it finished.
                self._ledger.discard()
            raise

    def _stop_if_told(self) -> None:
        if self._progress.should_stop():
            raise ProcessAborted("its caller wants it no longer")

    def _storyboard_at_last(self, duration_seconds: float, *, thumbnail: bytes) -> dict[str, bytes]:
        def on_seconds(seconds: float) -> None:
            share = min(1.0, seconds / duration_seconds)
            percent = TO_PERCENT + (PACKAGED_PERCENT - TO_PERCENT) * share
            self._progress.report(stage="packaging", percent=percent, moved_to=seconds)

        return self._pictures.storyboard(
            self._subfolder("storyboard"),
            duration_seconds=duration_seconds,
            encoded=self._folder / "main",
            thumbnail=thumbnail,
            on_seconds=on_seconds,
        )

    def _subfolder(self, name: str) -> Path:
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _output(
        self, files: Mapping[str, bytes], parts: Sequence[TrackPart], *, duration_seconds: float
    ) -> TranscodeOutput:
        picture, prefix = self._source.facts.video, self._claim.output_prefix
        inits = {part.init.key + str(part.init.offset): part.init.size_bytes for part in parts}
        media = sum(part.size_bytes for part in parts) + sum(inits.values())
        return TranscodeOutput(
            duration_seconds=round(duration_seconds, 3),
            width=picture.width if picture else 0,
            height=picture.height if picture else 0,
            has_audio=self._plan.has_audio,
            renditions=tuple(variant.name for variant in self._plan.variants),
            master_key=prefix + MASTER_NAME,
            thumbnail_key=prefix + THUMBNAIL_NAME,
            storyboard_key=prefix + STORYBOARD_NAME,
            object_count=len({part.key for part in parts}) + len(files),
            bytes_total=media + sum(len(body) for body in files.values()),
            source_facts=asdict(self._source.facts),
        )


def package_playlists(tracks: Mapping[str, Sequence[TrackPart]], *, plan: JobPlan) -> dict[str, bytes]:
    """Return the playlists of a whole package by name. Objects lie beside them."""
    texts = {
        playlist_name(name): media_playlist(
            parts,
            name_object=lambda key: key.rpartition("/")[2],
            target_seconds=plan.target_seconds[name],
            is_complete=True,
        )
        for name, parts in tracks.items()
    }
    texts[MASTER_NAME] = master_playlist(plan.variants, tracks)
    return {name: text.encode() for name, text in texts.items()}


def _raise_if_lost(statuses: Sequence[ChunkStatus]) -> None:
    for status in statuses:
        if status.state is ChunkState.FAILED:
            raise lost_too_often(status)


def lost_too_often(status: ChunkStatus) -> EncodeFailed:
    """Return the failure of an attempt that one of its chunks keeps ending the workers of."""
    detail = f"{status.loss_count} workers did not survive chunk {status.chunk.kind} {status.chunk.number}"
    return EncodeFailed(cause_code="POISON_WORKER_CRASH", detail=detail, is_files_fault=False)
