"""What transitions add to this process's metrics, once they are committed: what is rolled back counts nowhere."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from prometheus_client import Histogram

from libs.observability import metrics

from ..domain.causes import Cause, known_cause
from ..domain.lifecycle import EventName
from ..models import Video, VideoTranscodeJob, VideoUpload
from ..selectors.videos import SHORTEST_PLAYABLE_SECONDS

_ENDS_ATTEMPT = frozenset(
    {
        EventName.JOB_SUCCEEDED,
        EventName.JOB_FAILED,
        EventName.JOB_RETRY_SCHEDULED,
        EventName.JOB_HANDED_BACK,
    }
)

# A counter that first shows with 1 has not grown for `increase()`: the one alarm that matters would be missed.
for _event in EventName:
    metrics.EVENTS.labels(event=_event.value)
for _cause in Cause:
    metrics.FAILURES.labels(cause=_cause.value)


def count_event(event: EventName, *, data: Mapping[str, object]) -> None:
    """Count an event of the caller's transaction, and the cause if it tells one."""

    def count() -> None:
        metrics.EVENTS.labels(event=event.value).inc()
        if "cause_code" in data:
            metrics.FAILURES.labels(cause=known_cause(str(data["cause_code"])).value).inc()

    transaction.on_commit(count, robust=True)


def time_transition(*, video: Video, before: VideoTranscodeJob, event: EventName, now: datetime) -> None:
    """
    Time the step that a job's transition ends.

    Args:
        video: As it was before the transition.
        before: The job as it was before.
    """
    since = before.state_changed_at
    if event is EventName.JOB_CLAIMED:
        _observe(metrics.QUEUE_WAIT_SECONDS, since=since, now=now)
    if event in _ENDS_ATTEMPT:
        _observe(metrics.ATTEMPT_SECONDS.labels(event=event.value), since=since, now=now)
    if event is EventName.JOB_SUCCEEDED:
        _observe(metrics.CLAIM_TO_READY_SECONDS, since=before.started_at, now=now)
        time_first_playable(video=video, job=before, now=now)


def time_first_playable(*, video: Video, job: VideoTranscodeJob, now: datetime) -> None:
    """
    Time how long people waited for a video that can be watched now, unless it could be before.

    Args:
        job: As it was before what made the video watchable.
    """
    if not video.published_prefix and job.playable_until_seconds < SHORTEST_PLAYABLE_SECONDS:
        completed_at = VideoUpload.objects.for_tenant(video.tenant_id).get(video=video).completed_at
        _observe(metrics.TIME_TO_PLAYABLE_SECONDS, since=completed_at, now=now)


def _observe(histogram: Histogram, *, since: datetime | None, now: datetime) -> None:
    if since is not None:
        # Clocks of two machines may disagree by more than a step takes.
        seconds = max(0.0, (now - since).total_seconds())
        transaction.on_commit(lambda: histogram.observe(seconds), robust=True)
