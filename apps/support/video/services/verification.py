"""Is the source a video that can be played? Sure, sure not, or to be found out by the worker."""

import time
from dataclasses import asdict, dataclass
from threading import BoundedSemaphore
from typing import Protocol

import structlog
from django.conf import settings

from libs.db.guards import assert_no_transaction
from libs.media.facts import require_length
from libs.media.ffprobe import MediaFacts, MediaRejected, ProbeCrashed, ProbeTimeout, ProbeTooLarge, SourceUnreadable
from libs.observability import metrics

log = structlog.get_logger(__name__)


class MediaProber(Protocol):
    """Reads container facts of a URL in a killable, limited process of its own."""

    def probe(self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None) -> MediaFacts: ...


class ProbeBusy(Exception):
    """As many probes as this process may run at a time are running."""


class BoundedProber:
    """
    Lets a few probes run at a time and turns further ones away at once, so that probing can never starve the api.

    Args:
        prober: Does the work.
        most_at_a_time: In this process.
    """

    def __init__(self, prober: MediaProber, *, most_at_a_time: int) -> None:
        self._prober = prober
        self._slots = BoundedSemaphore(most_at_a_time)

    def probe(self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None) -> MediaFacts:
        """
        Probe as the inner prober does.

        Raises:
            ProbeBusy: No slot is free.
        """
        if not self._slots.acquire(blocking=False):
            raise ProbeBusy
        try:
            return self._prober.probe(url=url, timeout_seconds=timeout_seconds, if_match_etag=if_match_etag)
        finally:
            self._slots.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """It is a video, with these facts."""

    facts: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It can never be played, for this cause."""

    cause_code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Not known within the budget. The worker verifies before it encodes."""


def verify_source(
    *, url: str, etag: str, prober: MediaProber, video_id: int, longest_seconds: float
) -> Verified | Refused | Deferred:
    """
    Probe a source within `VIDEO_PROBE_TIMEOUT_SECONDS`.

    Only a sure failure refuses: a doubt must never cost somebody their lecture.

    Args:
        longest_seconds: The tenant's own limit; the prober knows the installation's.
    """
    assert_no_transaction()
    started = time.monotonic()
    verdict = _verdict(url=url, etag=etag, prober=prober, video_id=video_id, longest_seconds=longest_seconds)
    result = type(verdict).__name__.lower()
    metrics.VERIFICATION_SECONDS.labels(result=result).observe(time.monotonic() - started)
    return verdict


def _verdict(
    *, url: str, etag: str, prober: MediaProber, video_id: int, longest_seconds: float
) -> Verified | Refused | Deferred:
    try:
        facts = prober.probe(url=url, timeout_seconds=settings.VIDEO_PROBE_TIMEOUT_SECONDS, if_match_etag=etag)
        require_length(facts.duration_seconds, longest_seconds=longest_seconds)
    except MediaRejected as rejection:
        return Refused(cause_code=rejection.cause_code, detail=rejection.detail)
    except (ProbeBusy, ProbeTimeout, ProbeTooLarge, ProbeCrashed, SourceUnreadable) as doubt:
        log.warning("verification_deferred", video_id=video_id, reason=repr(doubt))
        return Deferred()
    return Verified(facts=asdict(facts))
