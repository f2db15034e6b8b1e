"""Videos of one tenant, as the API shows them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from apps.core.models import Tenant

from ..domain.actions import VideoAction, allowed_actions
from ..domain.errors import VideoNotFound
from ..domain.lifecycle import ACTIVE_JOB_STATES, JobState, UploadState, VideoStatus
from ..models import Video, VideoEvent, VideoTranscodeJob, VideoUpload

# A player wants a whole segment at least before it starts.
SHORTEST_PLAYABLE_SECONDS = 3.0


def videos_of(tenant: Tenant) -> QuerySet[Video]:
    """Return the tenant's videos that are not deleted, with upload and current job, newest first."""
    live = Video.objects.for_tenant(tenant).filter(deleted_at=None)
    return live.select_related("upload", "current_job", "tenant").order_by("-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOfVideos:
    """A session of the library."""

    session: str
    video_count: int


def sessions_of(tenant: Tenant) -> list[SessionOfVideos]:
    """Return the tenant's sessions by name, those videos that are in none first."""
    live = Video.objects.for_tenant(tenant).filter(deleted_at=None)
    counted = live.values_list("session").annotate(Count("id")).order_by("session")
    return [SessionOfVideos(session=session, video_count=count) for session, count in counted]


def uploaded_by(videos: QuerySet[Video], *, user_id: int | None) -> QuerySet[Video]:
    """Return those that this person has uploaded; a machine is nobody."""
    return videos.none() if user_id is None else videos.filter(created_by_id=user_id)


def get_video(*, tenant: Tenant, video_id: int) -> Video:
    """
    Return one video.

    Raises:
        VideoNotFound: None with this id, deleted, or another tenant's.
    """
    try:
        return videos_of(tenant).get(pk=video_id)
    except Video.DoesNotExist as error:
        raise VideoNotFound(video_id=video_id) from error


def get_upload(*, tenant: Tenant, video_id: int) -> VideoUpload:
    """
    Return a video's upload with the video.

    Raises:
        VideoNotFound: No such video for this tenant.
    """
    return get_video(tenant=tenant, video_id=video_id).upload


def actions_of(video: Video, *, now: datetime) -> tuple[VideoAction, ...]:
    """Return what the server accepts for this video now."""
    upload = UploadState(video.upload.state)
    if upload is UploadState.PENDING and video.upload.deadline_at <= now:
        # Over already, though the reconciler has not come to say so.
        upload = UploadState.EXPIRED
    return allowed_actions(
        status=VideoStatus(video.status),
        upload=upload,
        job=JobState(video.current_job.state) if video.current_job else None,
        is_playable=playable_until_seconds(video) is not None,
    )


def playable_until_seconds(video: Video) -> float | None:
    """Return how far a video can be watched now, or None while it cannot be watched at all."""
    if video.status == VideoStatus.READY:
        return video.duration_seconds
    job = video.current_job
    if job is None or job.state not in ACTIVE_JOB_STATES or job.playable_until_seconds < SHORTEST_PLAYABLE_SECONDS:
        return None
    return job.playable_until_seconds


def storyboard_of(video: Video) -> str | None:
    """Return the name of a published video's storyboard below its prefix, if it has one."""
    jobs = VideoTranscodeJob.objects.for_tenant(video.tenant_id).filter(video=video)
    published = jobs.filter(output__master_key=video.master_key).order_by("-created_at").first()
    key = published.output.get("storyboard_key", "") if published and video.master_key else ""
    return key.removeprefix(video.published_prefix) or None


def events_of(video: Video) -> QuerySet[VideoEvent]:
    """Return everything that happened to a video, oldest first."""
    return VideoEvent.objects.for_tenant(video.tenant_id).filter(video=video).order_by("id")
