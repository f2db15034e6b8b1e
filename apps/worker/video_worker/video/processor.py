"""One attempt, from the claim to a package in storage: verify, plan, encode, package, validate, upload."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from apps.support.video.domain.contracts import ClaimedJob, TranscodeOutput
from apps.support.video.services.verification import MediaProber
from libs.media.facts import MediaFacts, VideoStreamFacts
from libs.media.ffmpeg import Ffmpeg
from libs.media.process import Watch

from ..lease import ProgressReporter
from .packager import MASTER_NAME, write_master
from .planner import EncodePlan, plan_encode
from .publisher import PackageStorage, UploadedPackage, upload_package
from .thumbnail import THUMBNAIL_NAME, make_thumbnail
from .transcoder import MEDIA_NAME, encode_source
from .validate import validate_package

# What share of the work each stage is, as a person waits for it.
ENCODE_FROM_PERCENT, ENCODE_TO_PERCENT = 2.0, 92.0
UPLOAD_TO_PERCENT = 99.0
SOURCE_URL_TTL_SECONDS = 12 * 3600


class SourceStorage(PackageStorage, Protocol):
    """Storage as a worker needs it."""

    def presign_get(self, key: str, *, expires_seconds: float) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingLimits:
    """How long each stage may take, in seconds."""

    probe_seconds: float
    stage_deadline_seconds: float
    stall_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProcessor:
    """Turns a claimed job into a package. Knows nothing of queues, leases and tables."""

    storage: SourceStorage
    prober: MediaProber
    ffmpeg: Ffmpeg
    limits: ProcessingLimits

    def run(self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter) -> TranscodeOutput:
        """
        Do the work in `folder`, an empty directory of this attempt.

        Raises:
            MediaRejected, EncodeFailed: Whose `cause_code` says why.
            ProbeTimeout, ProbeCrashed, SourceUnreadable, StorageError: Ours; try again.
            ProcessStopped: `progress` wants us to stop, or a deadline passed.
        """
        progress.report(stage="verifying", percent=0.5)
        url = self.storage.presign_get(claim.source_key, expires_seconds=SOURCE_URL_TTL_SECONDS)
        facts = self.prober.probe(url=url, timeout_seconds=self.limits.probe_seconds, if_match_etag=claim.source_etag)
        plan = plan_encode(facts)
        stderr = self._encode(claim, url=url, facts=facts, plan=plan, folder=folder, progress=progress)
        duration_seconds = validate_package(folder, plan=plan, facts=facts, stderr=stderr)
        progress.report(stage="packaging", percent=ENCODE_TO_PERCENT + 1)
        write_master(folder, plan)
        smallest = folder / plan.renditions[-1].name / MEDIA_NAME
        make_thumbnail(
            media=smallest,
            duration_seconds=duration_seconds,
            folder=folder,
            ffmpeg=self.ffmpeg,
            watch=self._watch(progress),
        )
        package = self._upload(claim, folder=folder, progress=progress)
        return _output(claim, facts=facts, plan=plan, duration_seconds=duration_seconds, package=package)

    def _encode(
        self,
        claim: ClaimedJob,
        *,
        url: str,
        facts: MediaFacts,
        plan: EncodePlan,
        folder: Path,
        progress: ProgressReporter,
    ) -> str:
        speedometer = _Speedometer(facts.duration_seconds, progress)
        progress.report(stage="encoding", percent=ENCODE_FROM_PERCENT)
        result = encode_source(
            url=url,
            etag=claim.source_etag,
            facts=facts,
            plan=plan,
            folder=folder,
            ffmpeg=self.ffmpeg,
            watch=self._watch(progress),
            on_progress=speedometer.reached,
        )
        return result.stderr

    def _upload(self, claim: ClaimedJob, *, folder: Path, progress: ProgressReporter) -> UploadedPackage:
        total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) or 1
        sent = 0

        def on_bytes(count: int) -> None:
            nonlocal sent
            sent += count
            share = min(1.0, sent / total)
            first = ENCODE_TO_PERCENT + 2
            progress.report(stage="uploading", percent=first + (UPLOAD_TO_PERCENT - first) * share)

        return upload_package(folder, prefix=claim.output_prefix, storage=self.storage, on_bytes=on_bytes)

    def _watch(self, progress: ProgressReporter) -> Watch:
        return Watch(
            deadline_seconds=self.limits.stage_deadline_seconds,
            stall_seconds=self.limits.stall_seconds,
            should_stop=progress.should_stop,
        )


class _Speedometer:
    """Turns seconds of output into percent and remaining time, from the speed measured so far."""

    def __init__(self, duration_seconds: float | None, progress: ProgressReporter) -> None:
        self._duration_seconds = duration_seconds
        self._progress = progress
        self._started = time.monotonic()
        self._furthest = 0.0

    def reached(self, done_seconds: float) -> None:
        if done_seconds <= self._furthest:
            return
        self._furthest = done_seconds
        if not self._duration_seconds:
            # A browser's WebM does not say how long it is: moving is all that can be told.
            self._progress.report(stage="encoding", percent=ENCODE_FROM_PERCENT, moved_to=done_seconds)
            return
        share = min(1.0, done_seconds / self._duration_seconds)
        elapsed = time.monotonic() - self._started
        self._progress.report(
            stage="encoding",
            percent=ENCODE_FROM_PERCENT + (ENCODE_TO_PERCENT - ENCODE_FROM_PERCENT) * share,
            remaining_seconds=round(elapsed / share * (1 - share), 1),
            moved_to=done_seconds,
        )


def _output(
    claim: ClaimedJob, *, facts: MediaFacts, plan: EncodePlan, duration_seconds: float, package: UploadedPackage
) -> TranscodeOutput:
    width, height = _display_size(facts.video)
    return TranscodeOutput(
        duration_seconds=round(duration_seconds, 3),
        width=width,
        height=height,
        has_audio=plan.has_audio,
        renditions=tuple(rendition.name for rendition in plan.renditions),
        master_key=claim.output_prefix + MASTER_NAME,
        thumbnail_key=claim.output_prefix + THUMBNAIL_NAME,
        object_count=package.object_count,
        bytes_total=package.bytes_total,
    )


def _display_size(picture: VideoStreamFacts | None) -> tuple[int, int]:
    return (picture.width, picture.height) if picture else (0, 0)
