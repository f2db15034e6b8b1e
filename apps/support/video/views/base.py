"""What every view of the pipeline shares: who asks, in which language, and how a video is shown to them."""

from typing import Any

from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from apps.core.language import language_of
from apps.core.permissions import CanWriteVideos, current_principal

from ..models import Video
from ..serializers import VideoSerializer


def serializer_context(request: Request) -> dict[str, Any]:
    """Return what `VideoSerializer` needs to know of the reader."""
    return {"language": language_of(request), "may_write": current_principal(request).may_write_videos}


def video_json(request: Request, video: Video) -> dict[str, Any]:
    """Return a video as this reader may see it."""
    return dict(VideoSerializer(video, context=serializer_context(request)).data)


def user_id_of(request: Request) -> int | None:
    """Return the person's id; a machine has none."""
    return getattr(request.user, "pk", None)


def validated(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    """Return the fields of a request, or refuse it with what is wrong with them."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class VideoViewSetBase(viewsets.GenericViewSet[Video]):
    """Reading needs the right to read, everything else the right to write."""

    permission_classes = (CanWriteVideos,)
    serializer_class = VideoSerializer
    lookup_value_converter = "int"
