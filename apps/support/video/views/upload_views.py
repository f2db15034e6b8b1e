"""Uploads on their way: fresh URLs, parts, what is left of the quota."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.permissions import current_actor, current_tenant
from apps.core.refusals import refuses

from .. import wiring
from ..domain.errors import (
    InvalidStatus,
    PartChecksumsInvalid,
    PartNumbersInvalid,
    StorageUnavailable,
    UploadNotMultipart,
    UploadUrlExpired,
)
from ..domain.quota import Charge, Limits
from ..selectors.quota import limits_of, usage_of
from ..serializers import (
    PartNumbersSerializer,
    PartTicketsSerializer,
    QuotaSerializer,
    StoredPartsSerializer,
    UploadDescriptionSerializer,
    UploadTicketSerializer,
)
from ..services.ingest import describe_upload, refresh_upload_url
from ..services.multipart import abort_upload, sign_parts, stored_parts
from ..services.tickets import UploadTicket
from .base import VideoViewSetBase, validated, video_json


class UploadViews(VideoViewSetBase):
    """The calls of an upload between init and complete."""

    @extend_schema(responses=UploadDescriptionSerializer, extensions=refuses(InvalidStatus, UploadUrlExpired))
    @action(detail=True, methods=["get"])
    def upload(self, request: Request, pk: int) -> Response:
        """Return how a video that is still PENDING is to be sent, for a client that comes back to it."""
        ticket = describe_upload(tenant=current_tenant(request), video_id=pk, clock=wiring.shared_clock())
        answer = ticket_json(request, ticket)
        del answer["upload_url"]
        return Response(answer)

    @extend_schema(request=None, responses=UploadTicketSerializer, extensions=refuses(InvalidStatus, UploadUrlExpired))
    @action(detail=True, methods=["post"], url_path="upload/refresh-url")
    def upload_refresh_url(self, request: Request, pk: int) -> Response:
        """Sign a fresh upload URL for a video that is still PENDING."""
        ticket = refresh_upload_url(
            tenant=current_tenant(request), video_id=pk, storage=wiring.storage(), clock=wiring.shared_clock()
        )
        return Response(ticket_json(request, ticket))

    @extend_schema(
        request=PartNumbersSerializer,
        responses=PartTicketsSerializer,
        extensions=refuses(
            InvalidStatus,
            PartChecksumsInvalid,
            PartNumbersInvalid,
            StorageUnavailable,
            UploadNotMultipart,
            UploadUrlExpired,
        ),
    )
    @action(detail=True, methods=["post"], url_path="upload/multipart/presign")
    def upload_multipart_presign(self, request: Request, pk: int) -> Response:
        """Sign up to 100 part URLs. Each accepts exactly its part's length and checksum."""
        fields = validated(PartNumbersSerializer(data=request.data))
        tickets = sign_parts(
            tenant=current_tenant(request), video_id=pk, storage=wiring.storage(), clock=wiring.shared_clock(), **fields
        )
        return Response(PartTicketsSerializer(tickets).data)

    @extend_schema(
        responses=StoredPartsSerializer,
        extensions=refuses(InvalidStatus, StorageUnavailable, UploadNotMultipart, UploadUrlExpired),
    )
    @action(detail=True, methods=["get"], url_path="upload/multipart/parts")
    def upload_multipart_parts(self, request: Request, pk: int) -> Response:
        """Return the parts that storage really has: what is not among them is to be sent."""
        stored = stored_parts(
            tenant=current_tenant(request), video_id=pk, storage=wiring.storage(), clock=wiring.shared_clock()
        )
        return Response(StoredPartsSerializer(stored).data)

    @extend_schema(
        request=None,
        responses={204: None},
        extensions=refuses(InvalidStatus, StorageUnavailable, UploadNotMultipart),
    )
    @action(detail=True, methods=["post"], url_path="upload/multipart/abort")
    def upload_multipart_abort(self, request: Request, pk: int) -> Response:
        """Give an upload in parts up: its parts are thrown away and the video is EXPIRED."""
        abort_upload(
            tenant=current_tenant(request),
            video_id=pk,
            actor=current_actor(request),
            storage=wiring.storage(),
            clock=wiring.shared_clock(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=QuotaSerializer)
    @action(detail=False, methods=["get"], pagination_class=None)
    def quota(self, request: Request) -> Response:
        """Return what the tenant uses and what it may use."""
        tenant = current_tenant(request)
        return Response(QuotaSerializer(_quota(usage_of(tenant), limits_of(tenant))).data)


def ticket_json(request: Request, ticket: UploadTicket) -> dict[str, Any]:
    """Return a ticket as init and refresh-url answer it."""
    return {
        "video": video_json(request, ticket.video),
        "upload_url": ticket.upload_url,
        "file_key": ticket.file_key,
        "content_type": ticket.content_type,
        "upload": {
            "strategy": ticket.strategy,
            "method": "PUT",
            "headers": ticket.headers,
            "part_size_bytes": ticket.part_size_bytes,
            "part_count": ticket.part_count,
            "expires_at": ticket.expires_at,
            "checksum_algorithm": ticket.checksum_algorithm,
        },
    }


def _quota(used: Charge, limits: Limits) -> dict[str, Any]:
    return {
        "stored_bytes": {"used": used.stored_bytes + used.reserved_bytes, "allowed": limits.stored_bytes},
        "reserved_bytes": used.reserved_bytes,
        "stored_seconds": {"used": used.stored_milliseconds // 1000, "allowed": limits.stored_seconds},
        "open_uploads": {"used": used.open_uploads, "allowed": limits.open_uploads},
        "file_bytes": limits.file_bytes,
        "duration_seconds": limits.duration_seconds,
    }
