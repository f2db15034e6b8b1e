"""What people do with a job: retry it, cancel it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from apps.core.models import Tenant
from libs.clock import Clock

from ..domain.actions import VideoAction
from ..domain.errors import InvalidStatus, TransitionRefused
from ..domain.lifecycle import ACTIVE_JOB_STATES
from ..models import Video, VideoTranscodeJob
from ..selectors.leases import is_held
from ..selectors.videos import actions_of, get_video
from .lifecycle import Fields, lock_video, project
from .sqs_queue import VideoSQSQueue
from .transcode import cancel_job

CLEAN_SLATE: Fields = {"current_job": None, "failure_code": "", "failure_detail": ""}


class RetryDetail(StrEnum):
    """What a retry has done."""

    QUEUED = "queued"
    ALREADY_ACTIVE = "already_active"  # nothing: the current job goes on
    AFTER_STOP = "queued_after_stop"  # the job starts when the worker of the one before has stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The video's active job after a retry."""

    job: VideoTranscodeJob
    detail: RetryDetail


def retry_video(
    *, tenant: Tenant, video_id: int, actor: str, queue: VideoSQSQueue, clock: Clock, force: bool = False
) -> Retry:
    """
    Start a new job for a video whose last one has ended. A READY video stays READY meanwhile.

    While workers may still be at jobs that were cancelled, be it as helpers, the new one waits until all of them have
    said that they have stopped, or their leases have run out.

    Args:
        force: Cancel a job that is active first. Without it, that one is the answer and nothing changes.

    Raises:
        VideoNotFound: No such video for this tenant.
        InvalidStatus: The source was never accepted.
    """
    get_video(tenant=tenant, video_id=video_id)
    with transaction.atomic():
        lock_video(tenant_id=tenant.pk, video_id=video_id)
        last = get_video(tenant=tenant, video_id=video_id).current_job
        if last is not None and last.state in ACTIVE_JOB_STATES:
            if not force:
                return Retry(job=last, detail=RetryDetail.ALREADY_ACTIVE)
            last = cancel_job(job=last, actor=actor, now=clock.now())
        video = get_video(tenant=tenant, video_id=video_id)
        require_action(video, VideoAction.RETRY, now=clock.now())
        project(video=video, now=clock.now(), video_fields=CLEAN_SLATE)
        must_wait = is_held(tenant_id=video.tenant_id, video_id=video.pk, now=clock.now())
        job = queue.create_job_and_enqueue(video, actor=actor, caller_sends=False, after=last if must_wait else None)
        return Retry(job=job, detail=RetryDetail.AFTER_STOP if must_wait else RetryDetail.QUEUED)


def cancel_video(*, tenant: Tenant, video_id: int, actor: str, clock: Clock) -> VideoTranscodeJob:
    """
    Cancel the active job. Its worker finds out at its next heartbeat and stops.

    Raises:
        VideoNotFound: No such video for this tenant.
        InvalidStatus: No job is active.
    """
    video = get_video(tenant=tenant, video_id=video_id)
    now = clock.now()
    require_action(video, VideoAction.CANCEL, now=now)
    job = video.current_job
    if job is None:
        raise InvalidStatus(status=video.status, video_id=video.pk, job_id=None)
    failure = {} if video.published_prefix else {"failure_code": "CANCELLED", "failure_detail": ""}
    try:
        with transaction.atomic():
            return cancel_job(job=job, actor=actor, now=now, video_fields=failure)
    except TransitionRefused as error:
        raise InvalidStatus(status=video.status, video_id=video.pk, job_id=str(job.pk)) from error


def require_action(video: Video, action: VideoAction, *, now: datetime) -> None:
    """
    Let an action pass only when `allowed_actions` names it.

    Raises:
        InvalidStatus: It does not.
    """
    if action not in actions_of(video, now=now):
        job_id = str(video.current_job_id) if video.current_job_id else None
        raise InvalidStatus(status=video.status, action=str(action), video_id=video.pk, job_id=job_id)
