"""Keeping the library in order: sessions, places in them, and many videos at once."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.idempotency import IDEMPOTENCY_KEY_PARAMETER, idempotent
from apps.core.language import language_of
from apps.core.permissions import CanReadVideos, CanWriteVideos, current_actor, current_tenant
from apps.core.refusals import refuses

from .. import wiring
from ..domain.errors import InvalidStatus, StorageUnavailable, VideoError
from ..domain.messages import error_text
from ..selectors.videos import get_video, sessions_of
from ..serializers import (
    BulkAction,
    BulkAnswerSerializer,
    BulkSerializer,
    SessionOfVideosSerializer,
    SourceDownloadSerializer,
    VideoMoveSerializer,
    VideoSerializer,
)
from ..services.arrangement import move_video
from ..services.deletion import delete_video
from ..services.downloads import grant_download
from ..services.editing import update_video
from ..services.jobs import retry_video
from .base import VideoViewSetBase, validated, video_json


class LibraryViews(VideoViewSetBase):
    """What people do with the library as a whole."""

    @extend_schema(responses=SessionOfVideosSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], pagination_class=None)
    def sessions(self, request: Request) -> Response:
        """List the sessions that have videos, by name."""
        sessions = sessions_of(current_tenant(request))
        return Response(SessionOfVideosSerializer(sessions, many=True).data)

    @extend_schema(request=VideoMoveSerializer, responses=VideoSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: int) -> Response:
        """Put a video elsewhere in its session or in another one. Repeating it changes nothing."""
        fields = validated(VideoMoveSerializer(data=request.data))
        tenant = current_tenant(request)
        move_video(
            tenant=tenant,
            video_id=pk,
            session=fields["session"],
            before_id=fields["before"],
            actor=current_actor(request),
            clock=wiring.shared_clock(),
        )
        return Response(video_json(request, get_video(tenant=tenant, video_id=pk)))

    @extend_schema(
        request=None, responses=SourceDownloadSerializer, extensions=refuses(InvalidStatus, StorageUnavailable)
    )
    @action(detail=True, methods=["post"], permission_classes=(CanReadVideos, CanWriteVideos))
    def download(self, request: Request, pk: int) -> Response:
        """Sign a URL under which a browser saves the source as it was uploaded."""
        download = grant_download(
            tenant=current_tenant(request), video_id=pk, storage=wiring.storage(), clock=wiring.clock()
        )
        return Response(SourceDownloadSerializer(download).data)

    @extend_schema(parameters=[IDEMPOTENCY_KEY_PARAMETER], request=BulkSerializer, responses=BulkAnswerSerializer)
    @action(detail=False, methods=["post"])
    @idempotent
    def bulk(self, request: Request) -> Response:
        """
        Do one thing with up to a hundred videos, each for itself: one that refuses does not stop the others.

        They are retried, moved to a session, given a playback policy, or deleted.
        """
        fields = validated(BulkSerializer(data=request.data))
        results = [
            {"video_id": video_id, "refusal": self._refusal(request, video_id, fields)}
            for video_id in fields["video_ids"]
        ]
        return Response({"results": results})

    def _refusal(self, request: Request, video_id: int, fields: dict[str, Any]) -> dict[str, str] | None:
        try:
            self._apply(request, video_id, fields)
        except VideoError as error:
            text = error_text(error.code, language_of(request), error.params)
            return {"code": error.code, "detail": text.detail, "hint": text.hint}
        return None

    def _apply(self, request: Request, video_id: int, fields: dict[str, Any]) -> None:
        tenant, actor, clock = current_tenant(request), current_actor(request), wiring.shared_clock()
        match BulkAction(fields["action"]):
            case BulkAction.RETRY:
                retry_video(tenant=tenant, video_id=video_id, actor=actor, queue=wiring.video_queue(), clock=clock)
            case BulkAction.SET_POLICY:
                update_video(tenant=tenant, video_id=video_id, actor=actor, clock=clock, policy=fields["policy"])
            case BulkAction.DELETE:
                delete_video(tenant=tenant, video_id=video_id, actor=actor, clock=clock)
            case BulkAction.MOVE:
                session = fields["session"]
                move_video(tenant=tenant, video_id=video_id, session=session, before_id=None, actor=actor, clock=clock)
