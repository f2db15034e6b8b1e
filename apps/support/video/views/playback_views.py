"""Playing: the grant for those who may, and the playlists for those who hold it."""

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.permissions import CanReadVideos, current_actor, current_tenant
from apps.core.refusals import refuses

from .. import wiring
from ..domain.errors import InvalidStatus
from ..serializers import PlaybackGrantSerializer
from ..services.playback import grant_playback, open_playlist

# RFC 8216, section 4.
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
STORYBOARD_TYPE = "text/vtt"


class PlaybackView(APIView):
    """`POST {id}/playback/`"""

    permission_classes = (CanReadVideos,)

    @extend_schema(request=None, responses=PlaybackGrantSerializer, extensions=refuses(InvalidStatus))
    def post(self, request: Request, pk: int) -> Response:
        """Grant the right to play a video for a while, or as much of it as is encoded."""
        grant = grant_playback(
            tenant=current_tenant(request),
            video_id=pk,
            viewer=current_actor(request),
            storage=wiring.storage(),
            clock=wiring.clock(),
        )
        storyboard = grant.storyboard_path
        answer = {
            "master_url": _url(grant.token, grant.master_path),
            "storyboard_url": _url(grant.token, storyboard) if storyboard else None,
            "thumbnail_url": grant.thumbnail_url,
            "expires_at": grant.expires_at,
            "policy": grant.policy,
        }
        return Response(PlaybackGrantSerializer(answer).data)


class PlaylistView(APIView):
    """`GET /playback/{token}/{path}`: the token in the path is the whole right; no session is looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    # A player asks as often as its playlist grows, and a wrong token is refused without a look at any table.
    throttle_classes = ()
    schema = None

    def get(self, _request: Request, token: str, path: str) -> HttpResponse:
        """Serve a playlist whose segments are short presigned GETs, or a storyboard."""
        text = open_playlist(token=token, path=path, storage=wiring.storage(), clock=wiring.clock())
        # A growing playlist is asked for again after each segment.
        seconds = 1 if "#EXT-X-PLAYLIST-TYPE:EVENT" in text and "#EXT-X-ENDLIST" not in text else 30
        return HttpResponse(
            text,
            content_type=STORYBOARD_TYPE if path.endswith(".vtt") else PLAYLIST_TYPE,
            headers={"Cache-Control": f"private, max-age={seconds}", "Access-Control-Allow-Origin": "*"},
        )


def _url(token: str, path: str) -> str:
    return settings.ACADEMY_PUBLIC_ORIGIN + reverse("playback-playlist", kwargs={"token": token, "path": path})
