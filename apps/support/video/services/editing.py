"""Changing what a video is called."""

from django.db import transaction

from apps.core.models import Tenant
from libs.clock import Clock

from ..domain.errors import VideoNotFound
from ..domain.lifecycle import EventName
from ..models import Video
from .lifecycle import lock_video, record_event


def update_video(*, tenant: Tenant, video_id: int, title: str, actor: str, clock: Clock) -> Video:
    """
    Give a video another title.

    Raises:
        VideoNotFound: No such video for this tenant.
    """
    with transaction.atomic():
        try:
            video = lock_video(tenant_id=tenant.pk, video_id=video_id)
        except Video.DoesNotExist as error:
            raise VideoNotFound(video_id=video_id) from error
        if video.deleted_at is not None:
            raise VideoNotFound(video_id=video_id)
        if title != video.title:
            video.title = title
            video.save(update_fields=["title"])
            record_event(video=video, event=EventName.VIDEO_UPDATED, actor=actor, now=clock.now())
    return video
