"""The tenant's feed."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.permissions import CanReadVideos, current_tenant

from ..models import VideoEvent
from ..selectors.events import events_after, last_position
from ..serializers import VideoEventSerializer
from .base import validated

LARGEST_POSITION = 2**63 - 1
PAGE_SIZE = 100
LARGEST_PAGE_SIZE = 1000


class FeedQuerySerializer(serializers.Serializer[Any]):
    """From where, and how much."""

    after = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST_POSITION,
        default=0,
        help_text="Position of the last event that you have; 0 for all there ever were.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE_SIZE, default=PAGE_SIZE)


class FeedEventSerializer(VideoEventSerializer):
    """An event with its place in the feed and its video."""

    position = serializers.IntegerField(
        read_only=True, help_text="Grows by one with every event of the tenant, in the order of commits."
    )

    class Meta:
        model = VideoEvent
        fields = ("position", *VideoEventSerializer.Meta.fields, "video")
        read_only_fields = fields


class FeedPageSerializer(serializers.Serializer[Any]):
    """A piece of the feed."""

    results = FeedEventSerializer(many=True)
    after = serializers.IntegerField(help_text="Send this with the next call.")
    has_more = serializers.BooleanField(help_text="Whether there was more when this was answered.")


class EventFeedView(APIView):
    """Everything that happened to the tenant's videos."""

    permission_classes = (CanReadVideos,)

    @extend_schema(parameters=[FeedQuerySerializer], responses=FeedPageSerializer)
    def get(self, request: Request) -> Response:
        """
        Return what happened after a position, in order, deleted videos included.

        No event is missed and none comes twice, however transactions overlap: go on from `after` of each answer.
        """
        query = validated(FeedQuerySerializer(data=request.query_params))
        tenant = current_tenant(request)
        newest = last_position(tenant_id=tenant.pk)
        events = list(events_after(tenant_id=tenant.pk, **query))
        # A position from the future is one from before a restored backup: nothing would ever come behind it.
        after = (events[-1].position or 0) if events else min(int(query["after"]), newest)
        page = {"results": events, "after": after, "has_more": after < newest}
        return Response(FeedPageSerializer(page).data)
