"""
`GET events/stream/`: who may follow a tenant's feed, and from where.

The view answers with what there is already. A server that can hold connections takes it from there, by the header that
names tenant and position; behind one that cannot, the answer ends and the caller comes back, which is slower but misses
nothing either.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from apps.core.models import Tenant
from apps.core.permissions import CanReadVideos, current_tenant
from apps.core.refusals import refuses

from ..domain.errors import EventStreamsExhausted
from ..models import VideoEvent
from ..selectors.events import events_after, last_position
from .base import validated
from .event_views import LARGEST_POSITION, FeedEventSerializer

STREAM_HEADER = "X-Event-Stream"
STREAMS_FULL = "academy.streams_full"
"""In the request's environment: whether the server has no room for one more stream."""

FRAMES_AT_A_TIME = 100
RECONNECT_MILLISECONDS = 1000

LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    OpenApiTypes.INT64,
    OpenApiParameter.HEADER,
    description="Position of the last event that you have; browsers send it by themselves. Wins over `after`.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStart:
    """Whose feed goes on behind which position."""

    tenant_id: int
    after: int

    def __str__(self) -> str:
        return f"{self.tenant_id}:{self.after}"

    @classmethod
    def parse(cls, text: str) -> "StreamStart":
        """Return what `str()` wrote."""
        tenant_id, _, after = text.partition(":")
        return cls(tenant_id=int(tenant_id), after=int(after))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFrame:
    """An event as the stream carries it."""

    position: int
    body: bytes


class StreamQuerySerializer(serializers.Serializer[Any]):
    """From where."""

    after = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST_POSITION,
        required=False,
        help_text="Position of the last event that you have; without it the stream begins with what happens next.",
    )


class EventStreamView(APIView):
    """The feed as it happens."""

    permission_classes = (CanReadVideos,)

    @extend_schema(
        parameters=[StreamQuerySerializer, LAST_EVENT_ID],
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
        extensions=refuses(EventStreamsExhausted),
    )
    def get(self, request: Request) -> HttpResponse:
        """
        Follow the feed as server-sent events.

        Each has the event's position as its `id` and the same JSON as `events/`. Events named `heartbeat` come while
        nothing happens, with the position that the stream has come to. The server ends a stream after some minutes; go
        on from the last `id`, and nothing is missed.
        """
        if request.META.get(STREAMS_FULL):
            raise EventStreamsExhausted
        tenant = current_tenant(request)
        after = _start_of(request, tenant)
        frames = frames_after(tenant_id=tenant.pk, after=after)
        after = frames[-1].position if frames else after
        body = b"retry: %d\n\n" % RECONNECT_MILLISECONDS
        return HttpResponse(
            body + b"".join(frame.body for frame in frames) + heartbeat(after),
            content_type="text/event-stream",
            headers={
                STREAM_HEADER: str(StreamStart(tenant_id=tenant.pk, after=after)),
                # nginx would collect the events before it passes them on.
                "X-Accel-Buffering": "no",
            },
        )


def frames_after(*, tenant_id: int, after: int) -> list[EventFrame]:
    """Return the next events behind a position, as the stream carries them."""
    return [_frame(event) for event in events_after(tenant_id=tenant_id, after=after, limit=FRAMES_AT_A_TIME)]


def heartbeat(position: int) -> bytes:
    """
    Return the sign of life of a stream that has come to a position.

    It names the position as every event does: a browser that has seen nothing else goes on from there.
    """
    return b"id: %d\nevent: heartbeat\ndata: %d\n\n" % (position, position)


def _start_of(request: Request, tenant: Tenant) -> int:
    given = request.headers.get("Last-Event-ID") or request.query_params.get("after")
    query = validated(StreamQuerySerializer(data={} if given is None else {"after": given}))
    newest = last_position(tenant_id=tenant.pk)
    # A position from the future is one from before a restored backup: nothing would ever come behind it.
    return min(int(query.get("after", newest)), newest)


def _frame(event: VideoEvent) -> EventFrame:
    position = event.position or 0
    data = json.dumps(FeedEventSerializer(event).data, ensure_ascii=False, separators=(",", ":"), cls=JSONEncoder)
    return EventFrame(position=position, body=f"id: {position}\ndata: {data}\n\n".encode())
