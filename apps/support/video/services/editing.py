"""Changing what a video is called, and what it asks of players."""

from dataclasses import asdict

from django.db import transaction

from apps.core.models import Tenant
from libs.clock import Clock

from ..domain.lifecycle import EventName
from ..domain.playback_policy import PlaybackPolicy
from ..models import Video
from .lifecycle import lock_live_video, record_event


def update_video(
    *,
    tenant: Tenant,
    video_id: int,
    actor: str,
    clock: Clock,
    title: str | None = None,
    policy: PlaybackPolicy | None = None,
) -> Video:
    """
    Give a video another title or another policy; None leaves it as it is.

    Raises:
        VideoNotFound: No such video for this tenant.
    """
    with transaction.atomic():
        video = lock_live_video(tenant=tenant, video_id=video_id)
        known = (video.title, video.policy)
        video.title, video.policy = title or video.title, policy or video.policy
        if (video.title, video.policy) != known:
            video.save(update_fields=["title", "allow_skip", "max_speed", "watermark"])
            data = asdict(video.policy) if video.policy != known[1] else {}
            record_event(video=video, event=EventName.VIDEO_UPDATED, actor=actor, now=clock.now(), data=data)
    return video
