"""What every worker of a job does alike, whether it holds the job or helps: open the source, do a chunk."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from apps.support.video.domain.chunks import Chunk
from apps.support.video.domain.contracts import ClaimedJob
from libs.media.facts import MediaFacts, require_length
from libs.media.ffmpeg import Ffmpeg
from libs.media.key_frames import KeyFrameIndex
from libs.media.process import Watch
from libs.observability import tracing

from .encoder import ChunkEncoder, Desk, Source
from .ledger import ChunkLedger, ChunkTicket
from .meter import ProgressMeter
from .planner import plan_encode
from .publisher import PackageStorage

SOURCE_URL_TTL_SECONDS = 12 * 3600


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
class Workshop:
    """Tools and their limits."""

    storage: SourceStorage
    prober: SourceProber
    ffmpeg: Ffmpeg
    limits: ProcessingLimits

    def open(self, job: ClaimedJob, *, on_probed: Callable[[], None]) -> tuple[Source, Source]:
        """
        Look at a job's source and plan what to do with it. Every worker comes to the same plans.

        Args:
            on_probed: Called half-way: each half may take as long as a lease.

        Returns:
            The source with what may be copied of it copied, and with all of it encoded. Often there is nothing to copy.

        Raises:
            MediaRejected, ProbeTimeout, ProbeCrashed, SourceUnreadable: As the prober says.
        """
        with tracing.span("probe and plan"):
            return self._open(job, on_probed=on_probed)

    def _open(self, job: ClaimedJob, *, on_probed: Callable[[], None]) -> tuple[Source, Source]:
        url = self.storage.presign_get(job.source_key, expires_seconds=SOURCE_URL_TTL_SECONDS)
        etag, seconds = job.source_etag, self.limits.probe_seconds
        facts = self.prober.probe(url=url, timeout_seconds=seconds, if_match_etag=etag)
        if not job.verified:
            require_length(facts.duration_seconds, longest_seconds=job.longest_seconds)
        on_probed()
        index = None
        if not facts.fragmented:
            index = self.prober.key_frames(url=url, timeout_seconds=seconds, if_match_etag=etag)
        copied, encoded = (
            Source(url=url, etag=etag, facts=facts, plan=plan)
            for plan in (
                plan_encode(facts, index=index, may_copy=may_copy, choices=job.encoding) for may_copy in (True, False)
            )
        )
        return copied, encoded

    def watch(self, should_stop: Callable[[], bool]) -> Watch:
        """Return how a process of this worker is watched."""
        return Watch(
            deadline_seconds=self.limits.stage_deadline_seconds,
            stall_seconds=self.limits.stall_seconds,
            should_stop=should_stop,
        )

    def do(
        self,
        ticket: ChunkTicket,
        *,
        source: Source,
        folder: Path,
        ledger: ChunkLedger,
        meter: ProgressMeter,
        should_stop: Callable[[], bool],
    ) -> None:
        """
        Do a chunk and enter it as done. The ticket is still held when it fails: whoever calls decides what for.

        Raises:
            EncodeFailed, ProcessStopped, StorageError, OSError: As they say.
            LeaseLost: The chunk is another's.
        """
        tell_seconds = meter.of(ticket.chunk)

        def on_seconds(seconds: float) -> None:
            ledger.moved(ticket, seconds)
            tell_seconds(seconds)

        def on_bytes(count: int) -> None:
            ledger.moved(ticket)
            meter.sent(count)

        desk = Desk(
            stem=ticket.stem,
            folder=folder,
            watch=self.watch(should_stop),
            on_seconds=on_seconds,
            on_bytes=on_bytes,
            on_part=partial(ledger.record, ticket),
        )
        with tracing.span("encode chunk", attributes=_told_of(ticket.chunk)):
            result = ChunkEncoder(storage=self.storage, ffmpeg=self.ffmpeg).run(ticket.chunk, source=source, desk=desk)
            ledger.finish(ticket, parts=result.parts, said=result.stderr)
        meter.finished(ticket.chunk)


def _told_of(chunk: Chunk) -> tracing.Attributes:
    return {
        "kind": str(chunk.kind),
        "number": chunk.number,
        "start_seconds": chunk.start_seconds,
        "renditions": ",".join(chunk.renditions),
    }
