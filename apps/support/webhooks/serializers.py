"""What is shown of webhooks, and what they show."""

from collections.abc import Mapping
from typing import Any

from apps.support.video.models import VideoEvent
from apps.support.video.views.event_views import FeedEventSerializer


def event_facts(event: VideoEvent) -> Mapping[str, Any]:
    """Return an event as `events/` shows it."""
    return FeedEventSerializer(event).data
