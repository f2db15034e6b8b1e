"""Is the source a video that can be played? Sure, sure not, or to be found out by the worker."""

from dataclasses import asdict, dataclass
from typing import Protocol

import structlog
from django.conf import settings

from libs.db.guards import assert_no_transaction
from libs.media.ffprobe import MediaFacts, MediaRejected, ProbeCrashed, ProbeTimeout, SourceUnreadable

log = structlog.get_logger(__name__)


class MediaProber(Protocol):
    """Reads container facts of a URL in a killable, limited process of its own."""

    def probe(self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None) -> MediaFacts: ...


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


def verify_source(*, url: str, etag: str, prober: MediaProber, video_id: int) -> Verified | Refused | Deferred:
    """
    Probe a source within `VIDEO_PROBE_TIMEOUT_SECONDS`.

    Only a sure failure refuses: a doubt must never cost somebody their lecture.
    """
    assert_no_transaction()
    try:
        facts = prober.probe(url=url, timeout_seconds=settings.VIDEO_PROBE_TIMEOUT_SECONDS, if_match_etag=etag)
    except MediaRejected as rejection:
        return Refused(cause_code=rejection.cause_code, detail=rejection.detail)
    except (ProbeTimeout, ProbeCrashed, SourceUnreadable) as doubt:
        log.warning("verification_deferred", video_id=video_id, reason=repr(doubt))
        return Deferred()
    return Verified(facts=asdict(facts))
