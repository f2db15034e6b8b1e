"""Promises about playing: who may gets every playlist and every byte, who may not gets none."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.test import Client

from apps.support.video import wiring
from apps.support.video.domain.errors import PlaybackObjectMissing, PlaybackTokenInvalid, StorageUnavailable
from apps.support.video.domain.playback_token import PlaybackClaims, read_token, sign_token
from apps.support.video.models import Video
from apps.support.video.services.playback import PlaybackGrant, grant_playback, open_playlist
from libs.clock import SystemClock
from tests.support.api import Api, nothing_changes
from tests.support.videos import STATES, MemoryStorage, Pipeline

pytestmark = pytest.mark.django_db

MASTER = '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="audio.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n360p.m3u8\n'
MEDIA = (
    '#EXTM3U\n#EXT-X-MAP:URI="360p.mp4",BYTERANGE="4@0"\n#EXTINF:4,\n#EXT-X-BYTERANGE:6@4\n360p.mp4\n#EXT-X-ENDLIST\n'
)
BYTES = b"INITmedia!"


@pytest.fixture
def pipeline(s3_engine: None) -> Iterator[Pipeline]:
    made = Pipeline(clock=SystemClock())
    yield made
    wiring.storage().delete_prefix(f"tenants/{made.tenant.pk}/")


@pytest.fixture
def published(pipeline: Pipeline) -> Video:
    """A READY video whose package is in storage."""
    return publish_files(pipeline.ready())


def publish_files(video: Video) -> Video:
    storage = wiring.storage()
    files = {"master.m3u8": MASTER.encode(), "360p.m3u8": MEDIA.encode(), "360p.mp4": BYTES, "thumbnail.jpg": b"jpeg"}
    for name, body in files.items():
        storage.write_bytes(video.published_prefix + name, body, content_type="application/octet-stream")
    return video


def play(pipeline: Pipeline, video: Video) -> dict[str, Any]:
    answer = Api(pipeline.tenant).post(f"{video.pk}/playback/")
    assert answer.status_code == 200, answer.content
    granted: dict[str, Any] = answer.json()
    return granted


def fetch(url: str) -> Any:
    """GET a URL of ours without cookie or key, as a player does."""
    return Client(raise_request_exception=False).get(urlsplit(url).path)


def token_of(granted: dict[str, Any]) -> str:
    return str(granted["master_url"]).split("/")[4]


def signed(**changes: Any) -> str:
    claims = PlaybackClaims(tenant_id=1, video_id=1, viewer="user:1", prefix="tenants/1/x/", expires_at=4_000_000_000)
    return sign_token(replace(claims, **changes), secret=settings.VIDEO_PLAYBACK_SECRET)


class TestGrant:
    def test_a_ready_video_can_be_played_down_to_its_bytes(self, pipeline: Pipeline, published: Video) -> None:
        """To the viewer: master, variants and media all open with the one grant."""
        granted = play(pipeline, published)
        assert granted["master_url"].startswith(f"{settings.ACADEMY_PUBLIC_ORIGIN}/playback/")
        assert granted["policy"] == {"allow_skip": True, "max_speed": 2.0, "watermark": False}
        ends_at = datetime.fromisoformat(granted["expires_at"])
        lifetime = timedelta(seconds=settings.VIDEO_PLAYBACK_TTL_SECONDS)
        assert abs(ends_at - SystemClock().now() - lifetime) < timedelta(minutes=1)

        master = fetch(granted["master_url"])
        assert (master.status_code, master.content.decode()) == (200, MASTER)
        assert master.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert master.headers["Access-Control-Allow-Origin"] == "*"
        assert "private" in master.headers["Cache-Control"]

        media = fetch(granted["master_url"].replace("master.m3u8", "360p.m3u8")).content.decode()
        in_map, on_line = re.findall(r'URI="(http[^"]+)"|^(http\S+)$', media, flags=re.MULTILINE)
        assert in_map[0] == on_line[1]
        assert re.sub(r"http[^\"\s]+", "360p.mp4", media) == MEDIA
        first = httpx.get(in_map[0], headers={"Range": "bytes=0-3"}, trust_env=False)
        assert (first.status_code, first.content) == (206, BYTES[:4])
        assert httpx.get(granted["thumbnail_url"], trust_env=False).content == b"jpeg"

    def test_the_token_names_tenant_video_viewer_and_attempt(self, pipeline: Pipeline, published: Video) -> None:
        api = Api(pipeline.tenant)
        token = token_of(api.post(f"{published.pk}/playback/").json())
        claims = read_token(token, secret=settings.VIDEO_PLAYBACK_SECRET, now_seconds=0)
        assert (claims.tenant_id, claims.video_id) == (pipeline.tenant.pk, published.pk)
        assert (claims.viewer, claims.prefix) == (f"key:{api.bearer[:12]}", published.published_prefix)

    @pytest.mark.parametrize("state", [state for state in STATES if state not in {"ready", "reencoding"}])
    def test_what_is_not_ready_is_refused(self, pipeline: Pipeline, state: str) -> None:
        video = pipeline.in_state(state)
        with nothing_changes():
            answer = Api(pipeline.tenant).post(f"{video.pk}/playback/")
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_status")
        assert answer.json()["status"] == video.status

    def test_a_running_reencode_plays_the_old_output(self, pipeline: Pipeline, published: Video) -> None:
        pipeline.retry(published)
        claim = pipeline.claim(published)
        token = token_of(play(pipeline, published))
        claims = read_token(token, secret=settings.VIDEO_PLAYBACK_SECRET, now_seconds=0)
        assert claims.prefix == published.published_prefix != claim.output_prefix

    def test_who_watches_while_a_new_output_is_published_goes_on_watching_the_old_one(
        self, pipeline: Pipeline, published: Video
    ) -> None:
        granted = play(pipeline, published)
        pipeline.retry(published)
        pipeline.publish(pipeline.claim(published))
        publish_files(pipeline.fresh(published))
        assert fetch(granted["master_url"]).status_code == 200
        newer = play(pipeline, published)
        assert token_of(newer) != token_of(granted)
        assert fetch(newer["master_url"]).status_code == 200


class TestToken:
    def test_without_its_signature_nothing_opens(self, pipeline: Pipeline, published: Video) -> None:
        granted = play(pipeline, published)
        token = token_of(granted)
        for forged in (token[:-1], f"{token}x", token.partition(".")[0], "x", f"x.{token.partition('.')[2]}"):
            answer = fetch(granted["master_url"].replace(token, forged))
            assert (answer.status_code, answer.json()["code"]) == (403, "playback_token_invalid")

    def test_another_secrets_token_is_refused(self, published: Video) -> None:
        claims = PlaybackClaims(
            tenant_id=published.tenant_id,
            video_id=published.pk,
            viewer="user:1",
            prefix=published.published_prefix,
            expires_at=4_000_000_000,
        )
        assert fetch(f"/playback/{sign_token(claims, secret='x' * 40)}/master.m3u8").status_code == 403

    def test_a_token_ends(self) -> None:
        pipeline = Pipeline()
        video = pipeline.ready()
        granted = grant(pipeline, video)
        pipeline.storage = OnePlaylist(video.published_prefix + "master.m3u8")
        pipeline.fixed_clock.advance(seconds=settings.VIDEO_PLAYBACK_TTL_SECONDS - 1)
        assert opened(pipeline, granted.token) == MASTER
        pipeline.fixed_clock.advance(seconds=1)
        with pytest.raises(PlaybackTokenInvalid):
            opened(pipeline, granted.token)

    def test_a_token_of_one_video_opens_no_other(self, pipeline: Pipeline, published: Video) -> None:
        other = publish_files(pipeline.ready())
        token = token_of(play(pipeline, published))
        name = other.published_prefix.rstrip("/").rpartition("/")[2]
        for path in (f"{name}/master.m3u8", f"../{name}/master.m3u8", f"../../{other.pk}/{name}/master.m3u8"):
            assert fetch(f"/playback/{token}/{path}").status_code in {403, 404}

    def test_a_token_for_a_tenant_that_is_not_the_videos_opens_nothing(
        self, pipeline: Pipeline, published: Video
    ) -> None:
        other = Pipeline(code="theirs").tenant
        token = signed(tenant_id=other.pk, video_id=published.pk, prefix=published.published_prefix)
        answer = fetch(f"/playback/{token}/master.m3u8")
        assert (answer.status_code, answer.json()["code"]) == (404, "playback_object_missing")


class TestPath:
    @pytest.mark.parametrize(
        "path",
        [
            "360p.mp4",
            "thumbnail.jpg",
            "master.m3u8/",
            "master",
            ".m3u8",
            "..m3u8",
            "../master.m3u8",
            "a/../master.m3u8",
            "a/../../../../raw/1/x.m3u8",
            "%2e%2e/master.m3u8",
            "%2e%2e%2fmaster.m3u8",
            "a%00.m3u8",
            "/master.m3u8",
            "//master.m3u8",
            "a//master.m3u8",
            "마스터.m3u8",
            "master.m3u8%0a",
            "a b.m3u8",
            "x" * 3000,
        ],
    )
    def test_nothing_but_a_plain_playlist_under_the_prefix_can_be_named(
        self, pipeline: Pipeline, published: Video, path: str
    ) -> None:
        token = token_of(play(pipeline, published))
        answer = fetch(f"/playback/{token}/{path}")
        assert answer.status_code in {403, 404}
        assert answer.json()["code"] in {"playback_token_invalid", "playback_object_missing", "not_found"}

    def test_a_playlist_that_is_not_there_is_404(self, pipeline: Pipeline, published: Video) -> None:
        token = token_of(play(pipeline, published))
        answer = fetch(f"/playback/{token}/1080p.m3u8")
        assert (answer.status_code, answer.json()["code"]) == (404, "playback_object_missing")

    def test_a_deleted_video_stops_playing_at_once(self, pipeline: Pipeline, published: Video) -> None:
        granted = play(pipeline, published)
        pipeline.delete(published)
        answer = fetch(granted["master_url"])
        assert (answer.status_code, answer.json()["code"]) == (404, "playback_object_missing")


class OnePlaylist(MemoryStorage):
    def __init__(self, key: str) -> None:
        super().__init__()
        self.objects[key] = len(MASTER)

    def read_bytes(self, key: str) -> bytes:
        self.head(key)
        return MASTER.encode()


def grant(pipeline: Pipeline, video: Video) -> PlaybackGrant:
    return grant_playback(
        tenant=pipeline.tenant, video_id=video.pk, viewer="user:1", storage=pipeline.storage, clock=pipeline.clock
    )


def opened(pipeline: Pipeline, token: str) -> str:
    return open_playlist(token=token, path="master.m3u8", storage=pipeline.storage, clock=pipeline.clock)


def test_storage_that_is_down_is_no_missing_playlist() -> None:
    """To the player: what is only late is worth another try, what is missing is not."""
    pipeline = Pipeline()
    granted = grant(pipeline, pipeline.ready())
    with pytest.raises(PlaybackObjectMissing):
        opened(pipeline, granted.token)
    pipeline.storage.is_down = True
    with pytest.raises(StorageUnavailable):
        opened(pipeline, granted.token)
