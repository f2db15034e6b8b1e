"""Changing what a video is called."""

from django.db import transaction

from apps.core.models import Tenant
from libs.clock import Clock

from ..domain.lifecycle import EventName
from ..models import Video
from .lifecycle import lock_live_video, record_event


def update_video(*, tenant: Tenant, video_id: int, title: str, actor: str, clock: Clock) -> Video:
    """
    Give a video another title.

    Raises:
        VideoNotFound: No such video for this tenant.
    """
    with transaction.atomic():
        video = lock_live_video(tenant=tenant, video_id=video_id)
        if title != video.title:
            video.title = title
            video.save(update_fields=["title"])
            record_event(video=video, event=EventName.VIDEO_UPDATED, actor=actor, now=clock.now())
    return video
