"""Promises about watching a video before its encode is done: what is there plays, and what comes is added."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client

from apps.support.video import wiring
from apps.support.video.domain.chunks import (
    Chunk,
    ChunkKind,
    ClaimedChunk,
    InitSpan,
    JobPlan,
    Segment,
    TrackPart,
    Variant,
    parts_by_rendition,
)
from apps.support.video.domain.contracts import ClaimedJob
from apps.support.video.models import Video, VideoTranscodeJob
from apps.support.video.services import chunks
from apps.support.video.services.transcode import publish_job
from apps.worker.video_worker.video.processor import package_playlists
from libs.clock import SystemClock
from tests.support.api import Api
from tests.support.videos import Pipeline, output_of

pytestmark = pytest.mark.django_db

INIT, SEGMENT = b"init", b"segment!"


@pytest.fixture
def pipeline(s3_engine: None) -> Iterator[Pipeline]:
    made = Pipeline(clock=SystemClock())
    yield made
    wiring.storage().delete_prefix(f"tenants/{made.tenant.pk}/")


@pytest.fixture
def video(pipeline: Pipeline) -> Video:
    return pipeline.uploaded()


@pytest.fixture
def job(pipeline: Pipeline, video: Video) -> ClaimedJob:
    claim = pipeline.claim(video)
    chunks.enter_plan(claim=claim, plan=PLAN)
    return claim


def chunk(kind: ChunkKind, number: int, renditions: tuple[str, ...], *, last: bool = False) -> Chunk:
    end = None if last else 8.0 * (number + 1)
    return Chunk(kind=kind, number=number, start_seconds=8.0 * number, end_seconds=end, renditions=renditions)


PLAN = JobPlan(
    digest="first",
    variants=(
        Variant(name="720p", width=1280, height=720, frames_per_second=30.0, is_copy=True),
        Variant(name="360p", width=640, height=360, frames_per_second=30.0),
    ),
    target_seconds={"720p": 10.5, "360p": 4.0, "audio": 4.0},
    has_audio=True,
    duration_seconds=24.0,
    chunks=(
        chunk(ChunkKind.COPY, 0, ("720p",), last=True),
        chunk(ChunkKind.AUDIO, 0, ("audio",), last=True),
        chunk(ChunkKind.VIDEO, 0, ("360p",)),
        chunk(ChunkKind.VIDEO, 1, ("360p",)),
        chunk(ChunkKind.VIDEO, 2, ("360p",), last=True),
    ),
)


def store_part(job: ClaimedJob, rendition: str, *, start: float) -> TrackPart:
    """Store an object with two segments of four seconds, and return what is to be entered for it."""
    key = f"{job.output_prefix}{rendition}-{start:g}.mp4"
    wiring.storage().write_bytes(key, INIT + SEGMENT + SEGMENT, content_type="video/mp4")
    return TrackPart(
        rendition=rendition,
        key=key,
        codec="mp4a.40.2" if rendition == "audio" else "avc1.64001f",
        start_seconds=start,
        frame_count=240,
        init=InitSpan(key=key, offset=0, size_bytes=4, digest=rendition),
        segments=(
            Segment(duration_seconds=4.0, offset=4, size_bytes=8),
            Segment(duration_seconds=4.0, offset=12, size_bytes=8),
        ),
    )


def claim_kind(job: ClaimedJob, kind: ChunkKind) -> ClaimedChunk:
    claimed = chunks.claim_chunk(
        tenant_id=job.tenant_id, job_id=job.job_id, kinds=[kind], worker_id="worker-a", lease_seconds=60
    )
    assert claimed is not None
    return claimed


def finish_video(job: ClaimedJob) -> None:
    claimed = claim_kind(job, ChunkKind.VIDEO)
    part = store_part(job, "360p", start=claimed.chunk.start_seconds)
    chunks.finish_chunk(claim=claimed, parts=[part], said="")


def shown(pipeline: Pipeline, video: Video) -> dict[str, Any]:
    answer: dict[str, Any] = Api(pipeline.tenant).get(f"{video.pk}/").json()
    return answer


def play(pipeline: Pipeline, video: Video) -> dict[str, Any]:
    answer = Api(pipeline.tenant).post(f"{video.pk}/playback/")
    assert answer.status_code == 200, answer.content
    granted: dict[str, Any] = answer.json()
    return granted


def fetch(url: str) -> Any:
    """GET a URL of ours without cookie or key, as a player does."""
    return Client(raise_request_exception=False).get(urlsplit(url).path)


def playlist(granted: dict[str, Any], name: str) -> str:
    answer = fetch(granted["master_url"].replace("master.m3u8", name))
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def without_signatures(text: str) -> str:
    return re.sub(r"\?X-Amz[^\"\s]+", "", text)


class TestPlayable:
    def test_nothing_can_be_watched_before_picture_and_sound_are_there(
        self, pipeline: Pipeline, video: Video, job: ClaimedJob
    ) -> None:
        finish_video(job)
        answer = shown(pipeline, video)
        assert (answer["playable"], answer["playable_until_seconds"]) == (False, None)
        assert "play" not in answer["allowed_actions"]
        assert Api(pipeline.tenant).post(f"{video.pk}/playback/").status_code == 409

    def test_the_beginning_can_be_watched_while_the_rest_is_encoded(
        self, pipeline: Pipeline, video: Video, job: ClaimedJob
    ) -> None:
        finish_video(job)
        sound = claim_kind(job, ChunkKind.AUDIO)
        chunks.record_part(claim=sound, part=store_part(job, "audio", start=0))

        answer = shown(pipeline, video)
        assert (answer["status"], answer["playable"], answer["playable_until_seconds"]) == ("PROCESSING", True, 8.0)
        assert "play" in answer["allowed_actions"]
        granted = play(pipeline, video)
        assert (granted["thumbnail_url"], granted["storyboard_url"]) == (None, None)

        master = playlist(granted, "master.m3u8")
        assert "360p.m3u8" in master
        assert "720p.m3u8" not in master
        text = playlist(granted, "360p.m3u8")
        url = next(line for line in text.splitlines() if line.startswith("http"))
        first = httpx.get(url, headers={"Range": "bytes=4-11"}, trust_env=False)
        assert (first.status_code, first.content) == (206, SEGMENT)

    def test_a_retry_keeps_what_can_be_watched(self, pipeline: Pipeline, video: Video, job: ClaimedJob) -> None:
        finish_video(job)
        chunks.record_part(claim=claim_kind(job, ChunkKind.AUDIO), part=store_part(job, "audio", start=0))
        pipeline.retry_later(job)
        assert shown(pipeline, video)["playable_until_seconds"] == 8.0
        assert "#EXTINF" in playlist(play(pipeline, video), "360p.m3u8")

    def test_a_ready_video_can_be_watched_to_its_end(self, pipeline: Pipeline) -> None:
        ready = pipeline.ready()
        answer = shown(pipeline, ready)
        assert (answer["playable"], answer["playable_until_seconds"]) == (True, ready.duration_seconds)

    @pytest.mark.parametrize("end", ["failed", "cancelled", "dead", "refused", "expired", "pending", "uploaded"])
    def test_what_has_nothing_to_show_says_so(self, pipeline: Pipeline, end: str) -> None:
        answer = shown(pipeline, pipeline.in_state(end))
        assert (answer["playable"], answer["playable_until_seconds"]) == (False, None)


class TestGrowing:
    def test_a_playlist_only_grows(self, pipeline: Pipeline, video: Video, job: ClaimedJob) -> None:
        sound = claim_kind(job, ChunkKind.AUDIO)
        chunks.finish_chunk(claim=sound, parts=[store_part(job, "audio", start=0)], said="")
        finish_video(job)
        granted = play(pipeline, video)
        texts = [without_signatures(playlist(granted, "360p.m3u8"))]
        for _ in range(2):
            finish_video(job)
            texts.append(without_signatures(playlist(granted, "360p.m3u8")))

        assert texts[2].startswith(texts[1])
        assert texts[1].startswith(texts[0])
        assert [text.count("#EXTINF") for text in texts] == [2, 4, 6]
        assert "#EXT-X-PLAYLIST-TYPE:EVENT" in texts[0]
        assert "#EXT-X-START:TIME-OFFSET=0" in texts[0]
        assert "#EXT-X-ENDLIST" not in texts[2]

    def test_other_renditions_join_as_they_come(self, pipeline: Pipeline, video: Video, job: ClaimedJob) -> None:
        copy, sound = claim_kind(job, ChunkKind.COPY), claim_kind(job, ChunkKind.AUDIO)
        chunks.record_part(claim=copy, part=store_part(job, "720p", start=0))
        chunks.record_part(claim=sound, part=store_part(job, "audio", start=0))
        granted = play(pipeline, video)
        assert re.findall(r"^\w+\.m3u8$", playlist(granted, "master.m3u8"), re.MULTILINE) == ["720p.m3u8"]
        finish_video(job)
        found = re.findall(r"^\w+\.m3u8$", playlist(granted, "master.m3u8"), re.MULTILINE)
        assert found == ["720p.m3u8", "360p.m3u8"]

    def test_a_player_that_follows_sees_the_end(self, pipeline: Pipeline, video: Video, job: ClaimedJob) -> None:
        """To whoever started to watch early: the same grant leads through to the last second."""
        sound = claim_kind(job, ChunkKind.AUDIO)
        copy = claim_kind(job, ChunkKind.COPY)
        chunks.finish_chunk(claim=sound, parts=[store_part(job, "audio", start=0)], said="")
        chunks.finish_chunk(claim=copy, parts=[store_part(job, "720p", start=0)], said="")
        for _ in range(3):
            finish_video(job)
        granted = play(pipeline, video)
        before = without_signatures(playlist(granted, "360p.m3u8"))

        parts = chunks.parts_of_job(tenant_id=job.tenant_id, job_id=job.job_id)
        for name, body in package_playlists(parts_by_rendition(parts), plan=PLAN).items():
            wiring.storage().write_bytes(job.output_prefix + name, body, content_type="x")
        pipeline.publish(job)

        after = without_signatures(playlist(granted, "360p.m3u8"))
        assert after.endswith("#EXT-X-ENDLIST\n")
        assert after.removesuffix("#EXT-X-ENDLIST\n") == before
        assert "#EXTM3U" in playlist(granted, "master.m3u8")

    def test_the_grant_of_a_job_that_failed_ends(self, pipeline: Pipeline, video: Video, job: ClaimedJob) -> None:
        finish_video(job)
        chunks.record_part(claim=claim_kind(job, ChunkKind.AUDIO), part=store_part(job, "audio", start=0))
        granted = play(pipeline, video)
        pipeline.fail(job)
        assert fetch(granted["master_url"]).status_code == 404

    @pytest.mark.parametrize("name", ["1080p.m3u8", "720p.m3u8", "video.m3u8", "storyboard.vtt"])
    def test_what_is_not_there_yet_is_not_found(
        self, pipeline: Pipeline, video: Video, job: ClaimedJob, name: str
    ) -> None:
        finish_video(job)
        chunks.record_part(claim=claim_kind(job, ChunkKind.AUDIO), part=store_part(job, "audio", start=0))
        granted = play(pipeline, video)
        assert fetch(granted["master_url"].replace("master.m3u8", name)).status_code == 404

    def test_a_growing_playlist_is_not_kept_by_caches(self, pipeline: Pipeline, video: Video, job: ClaimedJob) -> None:
        finish_video(job)
        chunks.record_part(claim=claim_kind(job, ChunkKind.AUDIO), part=store_part(job, "audio", start=0))
        granted = play(pipeline, video)
        answer = fetch(granted["master_url"].replace("master.m3u8", "360p.m3u8"))
        assert answer.headers["Cache-Control"] == "private, max-age=1"


def test_a_storyboard_is_served_with_its_pictures_signed(pipeline: Pipeline) -> None:
    ready = pipeline.ready()
    storage, prefix = wiring.storage(), ready.published_prefix
    cues = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nstoryboard-1.jpg#xywh=0,0,160,90\n"
    storage.write_bytes(f"{prefix}storyboard.vtt", cues.encode(), content_type="text/vtt")
    storage.write_bytes(f"{prefix}storyboard-1.jpg", b"jpeg", content_type="image/jpeg")
    found = VideoTranscodeJob.objects.for_tenant(pipeline.tenant).get(video=ready)
    found.output["storyboard_key"] = f"{prefix}storyboard.vtt"
    found.save()

    granted = play(pipeline, ready)
    answer = fetch(granted["storyboard_url"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/vtt")
    url, region = answer.content.decode().splitlines()[3].split("#")
    assert region == "xywh=0,0,160,90"
    assert httpx.get(url, trust_env=False).content == b"jpeg"


def test_a_video_without_a_storyboard_says_so(pipeline: Pipeline) -> None:
    video = pipeline.uploaded()
    claim = pipeline.claim(video)
    publish_job(claim=claim, output=replace(output_of(claim), storyboard_key=""))
    assert play(pipeline, pipeline.fresh(video))["storyboard_url"] is None
