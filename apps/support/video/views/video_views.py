"""Uploads and videos."""

import re
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.errors import CoreNotFound
from apps.core.idempotency import HEADER, IDEMPOTENCY_KEY_PARAMETER, idempotent
from apps.core.permissions import current_actor, current_principal, current_tenant
from apps.core.refusals import refuses

from .. import wiring
from ..domain.errors import (
    EnqueueFailed,
    FileTypeNotAllowed,
    InvalidStatus,
    PresignedGetFailed,
    QuotaExceeded,
    SizeNotAllowed,
    SourceNotFoundOrEmpty,
    StorageUnavailable,
    UnsupportedMedia,
    UploadChecksumMismatch,
    UploadIncomplete,
)
from ..domain.lifecycle import JobState, VideoStatus
from ..models import Video
from ..selectors.timeline import timeline_of, without_internals
from ..selectors.videos import get_video, uploaded_by, videos_of
from ..serializers import (
    CompletedUploadSerializer,
    JobAcceptedSerializer,
    RetryAcceptedSerializer,
    RetrySerializer,
    TimelineEntrySerializer,
    UploadCompleteSerializer,
    UploadInitSerializer,
    UploadTicketSerializer,
    VideoProgressSerializer,
    VideoSerializer,
    VideoUpdateSerializer,
)
from ..services.announcing import init_upload
from ..services.deletion import delete_video
from ..services.editing import update_video
from ..services.ingest import complete_upload
from ..services.jobs import cancel_video, retry_video
from .base import serializer_context, user_id_of, validated, video_json
from .library_views import LibraryViews
from .upload_views import UploadViews, ticket_json

STATUS_FILTER = OpenApiParameter(
    "status", str, many=True, enum=[status.value for status in VideoStatus], description="Only these statuses."
)
SEARCH_FILTER = OpenApiParameter("search", str, description="Part of the title.")

MINE_FILTER = OpenApiParameter("mine", bool, description="Only what the caller has uploaded: nothing, for a machine.")


SESSION_FILTER = OpenApiParameter(
    "session", str, description="Only this session, in its own order instead of the newest first; empty: without one."
)

_POSITION = re.compile(r"[0-9]{1,18}")


class LibraryPages(CursorPagination):
    """Pages that do not shift while videos are added: the newest first, or a session in its order."""

    ordering = "-id"
    page_size = 24
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_ordering(self, request: Request, _queryset: QuerySet[Any], _view: Any) -> tuple[str, ...]:
        """Return what the pages go by; it must be unique, so that each video is on one page."""
        return ("position",) if "session" in request.query_params else ("-id",)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where a page begins; both orders go by whole numbers."""
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not _POSITION.fullmatch(str(cursor.position)):
            raise NotFound
        return cursor

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the page's schema; the framework's own says `nullable`, a word that OpenAPI 3.1 does not know."""
        page: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            link = {key: value for key, value in page["properties"][name].items() if key != "nullable"}
            page["properties"][name] = link | {"type": ["string", "null"]}
        return page


class VideoViewSet(LibraryViews, UploadViews):
    """The pipeline's videos, from upload to deletion."""

    pagination_class = LibraryPages

    def get_queryset(self) -> QuerySet[Video]:
        if getattr(self, "swagger_fake_view", False):
            return Video.objects.none()
        return videos_of(current_tenant(self.request))

    @extend_schema(
        parameters=[STATUS_FILTER, SEARCH_FILTER, SESSION_FILTER, MINE_FILTER],
        responses=VideoSerializer(many=True),
        # A cursor that is none.
        extensions=refuses(CoreNotFound),
    )
    def list(self, request: Request) -> Response:
        """List videos, newest first; those of one session in their order."""
        videos = self.get_queryset()
        if wanted := set(request.query_params.getlist("status")):
            videos = videos.filter(status__in=wanted & set(VideoStatus))
        if search := request.query_params.get("search", "").replace("\x00", ""):
            videos = videos.filter(title__icontains=search)
        if "session" in request.query_params:
            videos = videos.filter(session=request.query_params["session"].replace("\x00", ""))
        if request.query_params.get("mine") == "true":
            videos = uploaded_by(videos, user_id=user_id_of(request))
        page = self.paginate_queryset(videos)
        serializer = VideoSerializer(page, many=True, context=serializer_context(request))
        return self.get_paginated_response(serializer.data)

    @extend_schema(responses=VideoSerializer)
    def retrieve(self, request: Request, pk: int) -> Response:
        """Return one video."""
        return Response(video_json(request, get_video(tenant=current_tenant(request), video_id=pk)))

    @extend_schema(request=VideoUpdateSerializer, responses=VideoSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a video's title, or what it asks of players."""
        fields = validated(VideoUpdateSerializer(data=request.data))
        tenant = current_tenant(request)
        update_video(tenant=tenant, video_id=pk, actor=current_actor(request), clock=wiring.shared_clock(), **fields)
        return Response(video_json(request, get_video(tenant=tenant, video_id=pk)))

    @extend_schema(parameters=[IDEMPOTENCY_KEY_PARAMETER], responses={204: None})
    @idempotent
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a video: gone at once for everyone, its objects soon after."""
        delete_video(
            tenant=current_tenant(request), video_id=pk, actor=current_actor(request), clock=wiring.shared_clock()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY_PARAMETER],
        request=UploadInitSerializer,
        responses={201: UploadTicketSerializer},
        extensions=refuses(FileTypeNotAllowed, QuotaExceeded, SizeNotAllowed, StorageUnavailable),
    )
    @action(detail=False, methods=["post"], url_path="upload/init")
    @idempotent
    def upload_init(self, request: Request) -> Response:
        """Announce an upload, and learn where to PUT its bytes."""
        fields = validated(UploadInitSerializer(data=request.data))
        ticket = init_upload(
            tenant=current_tenant(request),
            actor=current_actor(request),
            created_by_id=user_id_of(request),
            storage=wiring.storage(),
            clock=wiring.shared_clock(),
            idempotency_key=request.headers.get(HEADER, ""),
            **fields,
        )
        return Response(ticket_json(request, ticket), status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY_PARAMETER],
        request=UploadCompleteSerializer,
        responses=CompletedUploadSerializer,
        extensions=refuses(
            EnqueueFailed,
            InvalidStatus,
            PresignedGetFailed,
            SourceNotFoundOrEmpty,
            StorageUnavailable,
            UnsupportedMedia,
            UploadChecksumMismatch,
            UploadIncomplete,
        ),
    )
    @action(detail=True, methods=["post"], url_path="upload/complete")
    @idempotent
    def upload_complete(self, request: Request, pk: int) -> Response:
        """Say that the bytes are all there: verifies them, enqueues the job and sends its message."""
        return self._upload_complete_impl(request, pk)

    def _upload_complete_impl(self, request: Request, video_id: int) -> Response:
        tenant = current_tenant(request)
        fields = validated(UploadCompleteSerializer(data=request.data))
        try:
            completed = complete_upload(
                tenant=tenant,
                video_id=video_id,
                actor=current_actor(request),
                storage=wiring.storage(),
                prober=wiring.request_prober(),
                queue=wiring.video_queue(),
                clock=wiring.shared_clock(),
                **fields,
            )
        except (InvalidStatus, EnqueueFailed, UnsupportedMedia) as error:
            error.extra_fields["video"] = video_json(request, get_video(tenant=tenant, video_id=video_id))
            raise
        return Response(
            {
                "video": video_json(request, get_video(tenant=tenant, video_id=video_id)),
                "job_id": str(completed.job.pk),
                "enqueue": "sent",
                "verification": "verified" if completed.verified else "deferred",
            }
        )

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY_PARAMETER],
        request=RetrySerializer,
        responses={202: RetryAcceptedSerializer},
        extensions=refuses(InvalidStatus),
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def retry(self, request: Request, pk: int) -> Response:
        """Start a new job for a video whose last one has ended. One that is active is the answer, unless forced."""
        fields = validated(RetrySerializer(data=request.data))
        retried = retry_video(
            tenant=current_tenant(request),
            video_id=pk,
            actor=current_actor(request),
            queue=wiring.video_queue(),
            clock=wiring.shared_clock(),
            **fields,
        )
        answer = {"detail": retried.detail, "job_id": str(retried.job.pk)}
        return Response(answer, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: JobAcceptedSerializer}, extensions=refuses(InvalidStatus))
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Cancel the active job; its worker stops at its next heartbeat."""
        job = cancel_video(
            tenant=current_tenant(request), video_id=pk, actor=current_actor(request), clock=wiring.shared_clock()
        )
        return Response({"detail": "cancelled", "job_id": str(job.pk)}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=VideoProgressSerializer)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: int) -> Response:
        """Return how far the current job has come."""
        video = get_video(tenant=current_tenant(request), video_id=pk)
        return Response(VideoProgressSerializer(_progress_of(video)).data)

    @extend_schema(responses=TimelineEntrySerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def timeline(self, request: Request, pk: int) -> Response:
        """
        Return everything that happened to a video, oldest first: transitions, messages, sweeps and dead letters.

        Those who may only watch are told without internals.
        """
        principal = current_principal(request)
        video = get_video(tenant=principal.tenant, video_id=pk)
        entries = timeline_of(video)
        shown = entries if principal.may_write_videos else map(without_internals, entries)
        return Response(TimelineEntrySerializer(list(shown), many=True).data)


def _progress_of(video: Video) -> dict[str, Any]:
    job = video.current_job
    running = job is not None and job.state == JobState.RUNNING
    percent = 100.0 if video.status == VideoStatus.READY and not running else (job.progress_percent if job else 0.0)
    return {
        "status": video.status,
        "job_id": job.pk if job else None,
        "attempt": job.attempt_count if job else None,
        "stage": job.stage if job else None,
        "percent": percent,
        "remaining_seconds": job.remaining_seconds if job else None,
        "updated_at": job.progress_at if job else None,
    }
