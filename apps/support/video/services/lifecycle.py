"""
The one place where states change.

A transition is one conditional UPDATE that names the expected state and the attempt, its `VideoEvent` row, and the
projection of `Video.status`, all in the caller's transaction. The video's row is locked first, always, so that two
transitions of one video cannot deadlock or project a stale status.
"""

from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db import connection, transaction

from apps.core.models import Tenant
from libs.db.guards import assert_in_transaction

from ..domain.errors import TransitionRefused, VideoNotFound
from ..domain.lifecycle import JOB_TRANSITIONS, UPLOAD_TRANSITIONS, EventName, JobState, UploadState, project_status
from ..models import FEED_CHANNEL, Video, VideoEvent, VideoTranscodeJob, VideoUpload
from .measuring import count_event, time_transition
from .quota import settle_charge

log = structlog.get_logger(__name__)

Fields = Mapping[str, object]
NO_FIELDS: Fields = {}


def lock_video(*, tenant_id: int, video_id: int) -> Video:
    """
    Return the video's row, locked until the transaction ends.

    Raises:
        Video.DoesNotExist: No such video of this tenant.
    """
    assert_in_transaction()
    return Video.objects.for_tenant(tenant_id).select_for_update(of=("self",)).get(pk=video_id)


def lock_live_video(*, tenant: Tenant, video_id: int) -> Video:
    """
    Return the row of a video that people can see, locked until the transaction ends.

    Raises:
        VideoNotFound: No such video for this tenant, or it is deleted.
    """
    try:
        video = lock_video(tenant_id=tenant.pk, video_id=video_id)
    except Video.DoesNotExist as error:
        raise VideoNotFound(video_id=video_id) from error
    if video.deleted_at is not None:
        raise VideoNotFound(video_id=video_id)
    return video


def move_job(
    *,
    job: VideoTranscodeJob,
    event: EventName,
    actor: str,
    now: datetime,
    fence: Fields = NO_FIELDS,
    job_fields: Fields = NO_FIELDS,
    video_fields: Fields = NO_FIELDS,
    data: Fields = NO_FIELDS,
) -> VideoTranscodeJob:
    """
    Apply a job's transition and return the job as it is now.

    Args:
        job: As it was read; its attempt is the fence.
        fence: Columns that must be as they were read too, because they may change within a state and attempt.
        job_fields: Further columns of the job that change with the state.
        video_fields: Columns of the video that change in the same commit.
        data: Facts for the timeline.

    Raises:
        TransitionRefused: The job is in another state or attempt by now, or past `fence`. Nothing was written.
    """
    video = lock_video(tenant_id=job.tenant_id, video_id=job.video_id)
    transition = JOB_TRANSITIONS[event]
    fenced = VideoTranscodeJob.objects.for_tenant(job.tenant_id).filter(
        pk=job.pk, state__in=transition.sources, attempt_count=job.attempt_count, **fence
    )
    if fenced.update(state=transition.target, state_changed_at=now, capped_at=None, **job_fields) == 0:
        raise TransitionRefused(f"{event} of job {job.pk}, attempt {job.attempt_count}")
    moved = VideoTranscodeJob.objects.for_tenant(job.tenant_id).get(pk=job.pk)
    record_event(video=video, event=event, actor=actor, now=now, job=moved, data=data)
    time_transition(video=video, before=job, event=event, now=now)
    project(video=video, now=now, video_fields=video_fields)
    return moved


def move_upload(
    *,
    upload: VideoUpload,
    event: EventName,
    actor: str,
    now: datetime,
    upload_fields: Fields = NO_FIELDS,
    video_fields: Fields = NO_FIELDS,
    data: Fields = NO_FIELDS,
) -> Video:
    """
    Apply an upload's transition and return its video as it is now.

    Raises:
        TransitionRefused: The upload is in another state by now. Nothing was written.
    """
    video = lock_video(tenant_id=upload.tenant_id, video_id=upload.video_id)
    transition = UPLOAD_TRANSITIONS[event]
    fenced = VideoUpload.objects.for_tenant(upload.tenant_id).filter(
        pk=upload.pk, state__in=transition.sources, video__deleted_at=None
    )
    if fenced.update(state=transition.target, **upload_fields) == 0:
        raise TransitionRefused(f"{event} of the upload of video {upload.video_id}")
    record_event(video=video, event=event, actor=actor, now=now, data=data)
    project(video=video, now=now, video_fields=video_fields)
    return video


def record_event(
    *,
    video: Video,
    event: EventName,
    actor: str,
    now: datetime,
    job: VideoTranscodeJob | None = None,
    data: Fields = NO_FIELDS,
) -> None:
    """Append to the timeline, and log and count the same word once the transaction has committed."""
    assert_in_transaction()
    attempt = job.attempt_count if job else None
    VideoEvent.objects.create(
        tenant_id=video.tenant_id,
        video=video,
        job=job,
        attempt=attempt,
        name=event,
        at=now,
        actor=actor,
        data=dict(data),
    )
    facts = {"tenant_id": video.tenant_id, "video_id": video.pk, "actor": actor, **data}
    if job is not None:
        facts |= {"job_id": str(job.pk), "attempt": attempt}
    transaction.on_commit(lambda: log.info(str(event), **facts))
    count_event(event, data=data)
    # What is committed stays committed, whether or not anybody hears of it at once.
    transaction.on_commit(lambda: _tell_followers(video.tenant_id), robust=True)


def _tell_followers(tenant_id: int) -> None:
    # Not in the transaction: one that notifies holds a lock of the whole database until its commit is on disk.
    # https://www.postgresql.org/docs/current/sql-notify.html
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [FEED_CHANNEL, str(tenant_id)])


def project(*, video: Video, now: datetime, video_fields: Fields = NO_FIELDS) -> None:
    """
    Write `Video.status` from the upload, the current job and the pointer, with further columns in the same UPDATE.

    The tenant is charged for the state that results.

    `video` must be locked; it is changed in place too.
    """
    for name, value in video_fields.items():
        setattr(video, name, value)
    upload = VideoUpload.objects.for_tenant(video.tenant_id).get(video=video)
    status = _projection(video, upload)
    written = set(video_fields)
    if status != video.status:
        video.status = status
        video.status_changed_at = now
        written |= {"status", "status_changed_at"}
    if written:
        video.save(update_fields=sorted(written))
    settle_charge(video=video, upload=upload)


def current_projection(video: Video) -> str:
    """Return what `Video.status` should be."""
    return _projection(video, VideoUpload.objects.for_tenant(video.tenant_id).get(video=video))


def _projection(video: Video, upload: VideoUpload) -> str:
    jobs = VideoTranscodeJob.objects.for_tenant(video.tenant_id)
    job = jobs.get(pk=video.current_job_id) if video.current_job_id else None
    return project_status(
        upload=UploadState(upload.state),
        job=JobState(job.state) if job else None,
        published=bool(video.published_prefix),
    )
