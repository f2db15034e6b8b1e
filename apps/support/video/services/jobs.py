"""What people do with a job: retry it, cancel it."""

from datetime import datetime

from django.db import transaction

from apps.core.models import Tenant
from libs.clock import Clock

from ..domain.actions import VideoAction
from ..domain.errors import InvalidStatus, TransitionRefused
from ..models import Video, VideoTranscodeJob
from ..selectors.videos import actions_of, get_video
from .lifecycle import Fields, lock_video, project
from .sqs_queue import VideoSQSQueue
from .transcode import cancel_job

CLEAN_SLATE: Fields = {"current_job": None, "failure_code": "", "failure_detail": ""}


def retry_video(*, tenant: Tenant, video_id: int, actor: str, queue: VideoSQSQueue, clock: Clock) -> VideoTranscodeJob:
    """
    Start a new job for a video whose last one has ended. A READY video stays READY meanwhile.

    Returns:
        The new job, QUEUED; its message is in the outbox.

    Raises:
        VideoNotFound: No such video for this tenant.
        InvalidStatus: A job is active, or the source was never accepted.
    """
    require_action(get_video(tenant=tenant, video_id=video_id), VideoAction.RETRY, now=clock.now())
    with transaction.atomic():
        lock_video(tenant_id=tenant.pk, video_id=video_id)
        video = get_video(tenant=tenant, video_id=video_id)
        require_action(video, VideoAction.RETRY, now=clock.now())
        project(video=video, now=clock.now(), video_fields=CLEAN_SLATE)
        return queue.create_job_and_enqueue(video, actor=actor, caller_sends=False)


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
