"""Handing out the right to play, and serving playlists to whoever holds it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from apps.core.models import Tenant
from libs.clock import Clock

from ..domain.actions import VideoAction
from ..domain.errors import PlaybackObjectMissing, PlaybackTokenInvalid, SourceNotFoundOrEmpty
from ..domain.keys import job_of_live_prefix, live_prefix
from ..domain.playback_policy import PlaybackPolicy
from ..domain.playback_token import PlaybackClaims, read_token, sign_token
from ..domain.playlist_objects import CUE_PICTURE
from ..domain.playlists import MASTER_NAME
from ..domain.ports import ObjectStorage
from ..models import Video
from ..selectors.videos import get_video, storyboard_of
from .jobs import require_action
from .live import finished_as_live, live_playlist, published_prefix_of_job
from .storage_errors import translated_storage_errors

_PLAYLIST_PATH = re.compile(r"(?:[\w-]+/)*[\w-]+\.(?:m3u8|vtt)", re.ASCII)
_URI_ATTRIBUTE = re.compile(r'URI="([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackGrant:
    """A token, what is found under it, and when it ends."""

    token: str
    master_path: str
    storyboard_path: str | None
    thumbnail_url: str | None
    expires_at: datetime
    policy: PlaybackPolicy


def grant_playback(
    *, tenant: Tenant, video_id: int, viewer: str, storage: ObjectStorage, clock: Clock
) -> PlaybackGrant:
    """
    Let a viewer play a video until the token expires: the published one, or what a running job has encoded so far.

    Raises:
        VideoNotFound: No such video for this tenant.
        InvalidStatus: Nothing of it can be watched.
    """
    video = get_video(tenant=tenant, video_id=video_id)
    require_action(video, VideoAction.PLAY, now=clock.now())
    expires_at = clock.now() + timedelta(seconds=settings.VIDEO_PLAYBACK_TTL_SECONDS)
    claims = PlaybackClaims(
        tenant_id=tenant.pk,
        video_id=video.pk,
        viewer=viewer,
        prefix=video.published_prefix or _live_prefix(video),
        expires_at=int(expires_at.timestamp()),
    )
    thumbnail_url = None
    if video.thumbnail_key:
        with translated_storage_errors():
            thumbnail_url = storage.presign_public_get(
                video.thumbnail_key, expires_seconds=settings.VIDEO_PLAYBACK_TTL_SECONDS
            )
    return PlaybackGrant(
        token=sign_token(claims, secret=settings.VIDEO_PLAYBACK_SECRET),
        master_path=video.master_key.removeprefix(video.published_prefix) or MASTER_NAME,
        storyboard_path=storyboard_of(video),
        thumbnail_url=thumbnail_url,
        expires_at=expires_at,
        policy=video.policy,
    )


def open_playlist(*, token: str, path: str, storage: ObjectStorage, clock: Clock) -> str:
    """
    Return a playlist, or a storyboard's WebVTT file, whose media URIs are short presigned GETs.

    Playlists within it stay relative, under the token.

    Raises:
        PlaybackTokenInvalid: The token does not hold, or the path is no playlist.
        PlaybackObjectMissing: The video is gone, or storage has no such playlist.
        StorageUnavailable: Storage did not answer.
    """
    claims = read_token(token, secret=settings.VIDEO_PLAYBACK_SECRET, now_seconds=clock.now().timestamp())
    if not _PLAYLIST_PATH.fullmatch(path):
        raise PlaybackTokenInvalid(reason="path")
    if not _still_there(claims):
        raise PlaybackObjectMissing
    job_id = job_of_live_prefix(claims.prefix)
    if job_id is None:
        return _stored_playlist(claims.prefix, path, storage=storage)
    live = live_playlist(
        tenant_id=claims.tenant_id,
        video_id=claims.video_id,
        job_id=job_id,
        path=path,
        sign=_signer("", storage=storage),
    )
    if live is not None:
        return live
    prefix = published_prefix_of_job(tenant_id=claims.tenant_id, video_id=claims.video_id, job_id=job_id)
    return finished_as_live(_stored_playlist(prefix, path, storage=storage))


def _stored_playlist(prefix: str, path: str, *, storage: ObjectStorage) -> str:
    try:
        with translated_storage_errors():
            text = storage.read_bytes(prefix + path).decode()
    except SourceNotFoundOrEmpty as error:
        raise PlaybackObjectMissing from error
    sign = _signer(prefix + path[: path.rfind("/") + 1], storage=storage)
    return rewrite_cue_uris(text, sign=sign) if path.endswith(".vtt") else rewrite_media_uris(text, sign=sign)


def rewrite_cue_uris(storyboard: str, *, sign: Callable[[str], str]) -> str:
    """Replace the picture that each cue of a storyboard names by what `sign` returns for it; the region in it stays."""
    return CUE_PICTURE.sub(lambda match: f"{sign(match[1])}#xywh=", storyboard)


def rewrite_media_uris(playlist: str, *, sign: Callable[[str], str]) -> str:
    """
    Replace each URI that names media, not a playlist, by what `sign` returns for it.

    Source:
        RFC 8216, sections 4.1 (URI lines) and 4.3.2.5 (EXT-X-MAP).
    """
    lines = playlist.replace("\r\n", "\n").removesuffix("\n").split("\n")
    return "\n".join(_rewritten_line(line, sign) for line in lines) + "\n"


def _rewritten_line(line: str, sign: Callable[[str], str]) -> str:
    if line.startswith("#"):
        return _URI_ATTRIBUTE.sub(lambda match: f'URI="{_signed(match[1], sign)}"', line)
    return _signed(line, sign) if line.strip() else line


def _signed(uri: str, sign: Callable[[str], str]) -> str:
    return uri if uri.endswith(".m3u8") else sign(uri)


def _signer(folder: str, *, storage: ObjectStorage) -> Callable[[str], str]:
    signed: dict[str, str] = {}

    def sign(name: str) -> str:
        # A rendition is one object that every segment names: one signature serves them all.
        if name not in signed:
            with translated_storage_errors():
                signed[name] = storage.presign_public_get(
                    folder + name, expires_seconds=settings.VIDEO_SEGMENT_URL_TTL_SECONDS
                )
        return signed[name]

    return sign


def _live_prefix(video: Video) -> str:
    if video.current_job_id is None:
        raise PlaybackObjectMissing
    return live_prefix(tenant_id=video.tenant_id, video_id=video.pk, job_id=video.current_job_id)


def _still_there(claims: PlaybackClaims) -> bool:
    videos = Video.objects.for_tenant(claims.tenant_id)
    return videos.filter(pk=claims.video_id, deleted_at=None).exists()
