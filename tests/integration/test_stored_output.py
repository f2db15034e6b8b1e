"""Promises about storage in the long run: what can be watched is there (V07), what lies there is somebody's (V09)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings

from apps.support.video import wiring
from apps.support.video.models import InvariantRound, Video, VideoEvent
from apps.support.video.recovery.outputs import CHECK_BROKEN_EVERY, CHECK_EVERY, LOOKS_AT_ONCE, PublishedOutputIsThere
from apps.support.video.recovery.reconciler import InvariantReport, run_once
from apps.support.video.recovery.strays import OLD_ENOUGH, PAGES_AT_ONCE, StoredHasOwner, grace
from apps.support.video.selectors.diagnosis import explain_video
from apps.support.video.services.outputs import look_at_output
from apps.support.video.services.playback import grant_playback, open_playlist
from libs.clock import FixedClock, SystemClock
from libs.s3_client.client import ObjectPage
from tests.support.videos import MemoryStorage, Pipeline, all_rows, write_output

pytestmark = pytest.mark.django_db

GRACE_SECONDS = grace().total_seconds()


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def published(pipeline: Pipeline) -> Video:
    """A READY video whose whole output is stored, and which is due for a look."""
    video = pipeline.ready()
    write_output(pipeline, video)
    pipeline.fixed_clock.advance(seconds=3601)
    return pipeline.fresh(video)


def lose(pipeline: Pipeline, video: Video, *names: str) -> None:
    for name in names:
        del pipeline.storage.objects[video.published_prefix + name]


def lose_source(pipeline: Pipeline, video: Video) -> None:
    del pipeline.storage.objects[pipeline.upload_of(video).file_key]


def check(pipeline: Pipeline) -> tuple[int, int]:
    (report,) = run_once(pipeline.world, invariants=[PublishedOutputIsThere()])
    return report.found, report.repaired


def cause(pipeline: Pipeline, video: Video) -> tuple[str, str]:
    explanation = explain_video(
        video=pipeline.fresh(video), storage=pipeline.storage, queue=pipeline.dead_letters, clock=pipeline.clock
    )
    return explanation.diagnosis.cause, explanation.diagnosis.next_step


EVERY_NAME = [
    "master.m3u8",
    "360p.m3u8",
    "720p.m3u8",
    "audio.m3u8",
    "thumbnail.jpg",
    "storyboard.vtt",
    "storyboard-2.jpg",
    "video-0000-1.mp4.360p",
    "video-0000-1.mp4.720p",
    "video-0000-1.mp4.audio",
]


class TestLooking:
    def test_a_whole_output_misses_nothing(self, pipeline: Pipeline) -> None:
        video = published(pipeline)
        assert look_at_output(video, storage=pipeline.storage).missing == ()
        assert check(pipeline) == (0, 0)

    @pytest.mark.parametrize("name", EVERY_NAME)
    def test_every_object_that_is_lost_is_noticed(self, pipeline: Pipeline, name: str) -> None:
        video = published(pipeline)
        lose(pipeline, video, name)
        assert look_at_output(video, storage=pipeline.storage).missing == (name,)

    def test_an_object_that_was_cut_off_is_lost(self, pipeline: Pipeline) -> None:
        video = published(pipeline)
        pipeline.storage.objects[f"{video.published_prefix}video-0000-1.mp4.360p"] = 599
        assert look_at_output(video, storage=pipeline.storage).missing == ("video-0000-1.mp4.360p",)

    @pytest.mark.parametrize(
        ("names", "is_playable"),
        [
            (["720p.m3u8"], True),
            (["video-0000-1.mp4.360p"], True),
            (["thumbnail.jpg"], True),
            (["storyboard.vtt", "storyboard-1.jpg"], True),
            (["360p.m3u8", "video-0000-1.mp4.720p"], False),
            (["audio.m3u8"], False),
            (["master.m3u8"], False),
        ],
    )
    def test_it_can_be_watched_while_one_picture_and_its_sound_are_whole(
        self, pipeline: Pipeline, names: list[str], is_playable: bool
    ) -> None:
        video = published(pipeline)
        lose(pipeline, video, *names)
        assert look_at_output(video, storage=pipeline.storage).is_playable is is_playable


class TestRepair:
    @pytest.mark.parametrize("name", ["720p.m3u8", "master.m3u8"])
    def test_with_its_source_it_is_encoded_again_and_stays_up_meanwhile(self, pipeline: Pipeline, name: str) -> None:
        video = published(pipeline)
        lose(pipeline, video, name)
        assert check(pipeline) == (1, 1)
        found = pipeline.fresh(video)
        assert (found.status, found.published_prefix) == ("READY", video.published_prefix)
        assert pipeline.job_of(video).state == "QUEUED"
        assert pipeline.events_of(video)[-2:] == ["output_missing", "job_created"]
        event = VideoEvent.objects.for_tenant(pipeline.tenant).get(video=video, name="output_missing")
        assert (event.actor, event.data) == ("reconciler", {"missing": [name], "has_source": True})
        assert cause(pipeline, video) == ("PLAYBACK_OBJECT_MISSING", "worker_finishes")

        pipeline.publish(pipeline.claim(video))
        assert cause(pipeline, video) == ("READY", "nothing")

    def test_without_its_source_what_can_be_watched_stays_and_the_loss_is_stated_once(self, pipeline: Pipeline) -> None:
        video = published(pipeline)
        lose(pipeline, video, "720p.m3u8")
        lose_source(pipeline, video)
        assert check(pipeline) == (1, 1)
        stated = all_rows()
        found = pipeline.fresh(video)
        assert (found.status, found.published_prefix) == ("READY", video.published_prefix)
        assert (found.failure_code, found.failure_detail) == (
            "PLAYBACK_OBJECT_MISSING",
            "1 missing, the first: 720p.m3u8",
        )
        assert cause(pipeline, video) == ("PLAYBACK_OBJECT_MISSING", "new_upload")
        pipeline.fixed_clock.advance(seconds=CHECK_BROKEN_EVERY.total_seconds() + 1)
        assert check(pipeline) == (1, 0)
        assert all_rows()["VideoEvent"] == stated["VideoEvent"]

    def test_without_its_source_a_video_of_which_nothing_plays_has_failed(self, pipeline: Pipeline) -> None:
        video = published(pipeline)
        lose(pipeline, video, "master.m3u8")
        lose_source(pipeline, video)
        assert check(pipeline) == (1, 1)
        found = pipeline.fresh(video)
        assert (found.status, found.failure_code) == ("FAILED", "PLAYBACK_OBJECT_MISSING")
        assert cause(pipeline, video) == ("PLAYBACK_OBJECT_MISSING", "new_upload")
        run_once(pipeline.world)
        assert pipeline.fresh(video).status == "FAILED"

    def test_a_source_that_was_overwritten_is_none(self, pipeline: Pipeline) -> None:
        video = published(pipeline)
        lose(pipeline, video, "720p.m3u8")
        upload = pipeline.upload_of(video)
        upload.etag = "another"
        upload.save(update_fields=["etag"])
        check(pipeline)
        assert pipeline.job_of(video).state == "SUCCEEDED"

    def test_a_video_that_is_being_encoded_again_is_left_alone(self, pipeline: Pipeline) -> None:
        video = published(pipeline)
        lose(pipeline, video, "720p.m3u8")
        pipeline.retry(video)
        before = all_rows()["VideoEvent"]
        assert check(pipeline) == (0, 0)
        assert all_rows()["VideoEvent"] == before

    def test_storage_that_is_down_is_no_loss(self, pipeline: Pipeline) -> None:
        published(pipeline)
        pipeline.storage.is_down = True
        before = all_rows()
        assert run_once(pipeline.world, invariants=[PublishedOutputIsThere()]) == []
        assert all_rows() == before


class TestPace:
    def test_a_whole_video_is_looked_at_again_after_a_week_and_a_broken_one_after_a_day(
        self, pipeline: Pipeline
    ) -> None:
        whole, broken = published(pipeline), published(pipeline)
        lose(pipeline, broken, "720p.m3u8")
        lose_source(pipeline, broken)
        assert check(pipeline) == (1, 1)
        now = pipeline.clock.now()
        assert pipeline.fresh(whole).playback_check_at == now + CHECK_EVERY
        assert pipeline.fresh(broken).playback_check_at == now + CHECK_BROKEN_EVERY
        assert check(pipeline) == (0, 0)

    def test_one_round_looks_at_a_few_and_the_next_ones_go_on(self, pipeline: Pipeline) -> None:
        videos = [pipeline.ready() for _ in range(LOOKS_AT_ONCE + 5)]
        pipeline.fixed_clock.advance(seconds=3601)
        assert check(pipeline)[0] == LOOKS_AT_ONCE
        assert check(pipeline)[0] == 5
        assert len(videos) == LOOKS_AT_ONCE + 5

    def test_a_published_video_is_looked_at_soon(self, pipeline: Pipeline) -> None:
        video = pipeline.ready()
        assert video.playback_check_at == pipeline.clock.now() + timedelta(hours=1)


def sweep(pipeline: Pipeline) -> InvariantReport:
    (report,) = run_once(pipeline.world, invariants=[StoredHasOwner()])
    return report


def keys(pipeline: Pipeline) -> set[str]:
    return set(pipeline.storage.objects)


class TestStrays:
    @pytest.mark.parametrize("end", ["publish", "fail", "cancel", "die"])
    def test_what_a_lost_attempt_wrote_goes_once_nobody_can_need_it(self, pipeline: Pipeline, end: str) -> None:
        video = pipeline.uploaded()
        source = keys(pipeline)
        loser = pipeline.claim(video)
        pipeline.storage.write(f"{loser.output_prefix}a.mp4", b"x")
        self.end(pipeline, video, end)
        pipeline.fixed_clock.advance(seconds=GRACE_SECONDS - 60)
        assert sweep(pipeline).found == 0
        pipeline.fixed_clock.advance(seconds=120)
        assert sweep(pipeline) == InvariantReport(code="V09", found=1, repaired=1)
        assert keys(pipeline) == source
        assert pipeline.events_of(video)[-1] == "storage_swept"

    def end(self, pipeline: Pipeline, video: Video, end: str) -> None:
        job = pipeline.job_of(video)
        if end == "cancel":
            pipeline.cancel(video)
            return
        claim = pipeline.claim_of(job)
        if end == "fail":
            pipeline.fail(claim)
            return
        if end == "die":
            job.max_attempts = 1
            job.save(update_fields=["max_attempts"])
        pipeline.retry_later(claim)
        if end == "publish":
            pipeline.fixed_clock.advance(seconds=6)
            pipeline.publish(pipeline.claim(video))

    def test_a_live_attempts_output_is_never_touched_however_old(self, pipeline: Pipeline) -> None:
        """To the worker: an encode of days is an encode; and finished chunks of attempts before it are part of it."""
        video = pipeline.uploaded()
        first = pipeline.claim(video)
        pipeline.storage.write(f"{first.output_prefix}a.mp4", b"x")
        pipeline.retry_later(first)
        pipeline.fixed_clock.advance(seconds=6)
        second = pipeline.claim(video, lease_seconds=10**7)
        pipeline.storage.write(f"{second.output_prefix}b.mp4", b"x")
        pipeline.fixed_clock.advance(seconds=30 * 86_400)
        before = keys(pipeline)
        assert sweep(pipeline).found == 0
        assert keys(pipeline) == before

    def test_what_is_published_stays(self, pipeline: Pipeline) -> None:
        published(pipeline)
        pipeline.fixed_clock.advance(seconds=365 * 86_400)
        before = keys(pipeline)
        assert sweep(pipeline).found == 0
        assert keys(pipeline) == before

    def test_what_was_published_before_stays_for_its_viewers(self, pipeline: Pipeline) -> None:
        """To whoever got a token just before the switch, and at the token's end a playlist with signed media."""
        video = published(pipeline)
        old = {key for key in keys(pipeline) if key.startswith(video.published_prefix)}
        pipeline.retry(video)
        claim = pipeline.claim(video)
        grant = grant_playback(
            tenant=pipeline.tenant, video_id=video.pk, viewer="1", storage=pipeline.storage, clock=pipeline.clock
        )
        pipeline.publish(claim)

        pipeline.fixed_clock.advance(seconds=settings.VIDEO_PLAYBACK_TTL_SECONDS - 1)
        assert sweep(pipeline).found == 0
        playlist = open_playlist(token=grant.token, path="360p.m3u8", storage=pipeline.storage, clock=pipeline.clock)
        assert f"{video.published_prefix}video-0000-1.mp4.360p" in playlist
        pipeline.fixed_clock.advance(seconds=settings.VIDEO_SEGMENT_URL_TTL_SECONDS)
        assert sweep(pipeline).found == 0
        assert old <= keys(pipeline)

        pipeline.fixed_clock.advance(seconds=OLD_ENOUGH.total_seconds() + 2)
        assert sweep(pipeline).repaired == 1
        assert not old & keys(pipeline)

    def test_what_is_written_after_a_purge_goes(self, pipeline: Pipeline) -> None:
        """A browser may hold a URL, and a worker be in its last file, when the purge is confirmed."""
        video = published(pipeline)
        pipeline.delete(video)
        pipeline.fixed_clock.advance(seconds=7200)
        run_once(pipeline.world)
        assert keys(pipeline) == set()
        pipeline.storage.write(f"{video.published_prefix}late.mp4", b"x")
        pipeline.put(video)
        assert sweep(pipeline).found == 0
        pipeline.fixed_clock.advance(seconds=GRACE_SECONDS + 1)
        assert sweep(pipeline) == InvariantReport(code="V09", found=2, repaired=2)
        assert keys(pipeline) == set()

    def test_of_a_tombstone_nothing_is_taken_before_the_purge(self, pipeline: Pipeline) -> None:
        video = published(pipeline)
        pipeline.delete(video)
        pipeline.fixed_clock.advance(seconds=365 * 86_400)
        assert sweep(pipeline).found == 0

    def test_of_a_video_that_the_table_does_not_know_a_person_decides(self, pipeline: Pipeline) -> None:
        """To the operator: a database that was restored from last night does not cost today's uploads."""
        folder = f"tenants/{pipeline.tenant.pk}/video"
        pipeline.storage.write(f"{folder}/raw/999999/a.mp4", b"x")
        pipeline.storage.write(f"{folder}/hls/999999/{uuid.UUID(int=9)}-1/master.m3u8", b"x")
        pipeline.fixed_clock.advance(seconds=GRACE_SECONDS + 1)
        before = keys(pipeline)
        assert sweep(pipeline) == InvariantReport(code="V09", found=2, repaired=0)
        assert keys(pipeline) == before

    def test_what_is_not_ours_is_left_alone(self, pipeline: Pipeline) -> None:
        for key in ("tenants/1/other/x", "tenants/x/video/raw/1/a", "tenants/1/video/hls/1/no-job/a", "ready/x"):
            pipeline.storage.write(key, b"x")
        pipeline.fixed_clock.advance(seconds=365 * 86_400)
        assert sweep(pipeline).found == 0

    def test_video_12_does_not_take_video_120_along(self, pipeline: Pipeline) -> None:
        """Prefixes end in a slash, attempts too: 1 and 10 are not the same."""
        video = pipeline.uploaded()
        loser = pipeline.claim(video)
        neighbour = loser.output_prefix.removesuffix("1/") + "10/"
        pipeline.storage.write(f"{loser.output_prefix}a", b"x")
        pipeline.fail(loser)
        pipeline.fixed_clock.advance(seconds=GRACE_SECONDS + 1)
        pipeline.storage.write(f"{neighbour}a", b"x", modified_at=pipeline.clock.now())
        assert sweep(pipeline).repaired == 1
        assert f"{neighbour}a" in keys(pipeline)
        assert f"{loser.output_prefix}a" not in keys(pipeline)

    def test_an_attempt_that_is_still_writing_is_found_out_before_anything_goes(self, pipeline: Pipeline) -> None:
        """Its first objects are on one page and old, its newest on another."""
        video = pipeline.uploaded()
        loser = pipeline.claim(video)
        pipeline.fail(loser)
        pipeline.fixed_clock.advance(seconds=GRACE_SECONDS + 1)
        pipeline.storage.write(f"{loser.output_prefix}a", b"x")
        pipeline.storage.write(f"{loser.output_prefix}b", b"x", modified_at=pipeline.clock.now())
        pipeline.storage.page_size = 1
        report = sweep(pipeline)
        assert (report.found, report.repaired) == (1, 0)
        assert f"{loser.output_prefix}a" in keys(pipeline)


class CountedPages(MemoryStorage):
    """Another's objects in small pages. `asked_after` are the keys that pages were asked for after."""

    def __init__(self, storage: MemoryStorage, *, page_size: int) -> None:
        super().__init__()
        self.objects, self.page_size = storage.objects, page_size
        self.asked_after: list[str] = []

    def list_page(self, prefix: str, *, after: str = "") -> ObjectPage:
        self.asked_after.append(after)
        return super().list_page(prefix, after=after)


class TestPages:
    def test_a_pass_goes_on_from_where_it_was_and_starts_anew_at_the_end(self, pipeline: Pipeline) -> None:
        videos = [pipeline.uploaded() for _ in range(7)]
        claims = [pipeline.claim(video) for video in videos]
        for claim in claims:
            pipeline.storage.write(f"{claim.output_prefix}a", b"x")
            pipeline.fail(claim)
        pipeline.fixed_clock.advance(seconds=GRACE_SECONDS + 1)
        pipeline.storage.page_size = 1
        found = [sweep(pipeline).found for _ in range(3)]
        # Fourteen prefixes, of which each round sees as many as it reads pages; what was removed is not in the way.
        assert sum(found) == 7
        assert PAGES_AT_ONCE == 5
        assert InvariantRound.objects.get(code="V09").pass_finished_at == pipeline.clock.now()
        assert InvariantRound.objects.get(code="V09").cursor == ""

    def test_a_large_bucket_costs_a_round_no_more_than_some_pages(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        prefix = pipeline.claim(video, lease_seconds=10**7).output_prefix
        pipeline.storage.objects |= {f"{prefix}{number:06d}": 1 for number in range(2000)}
        pages = CountedPages(pipeline.storage, page_size=100)
        world = replace(pipeline.world, storage=pages)
        run_once(world, invariants=[StoredHasOwner()])
        assert pages.asked_after == ["", *(f"{prefix}{number:06d}" for number in (99, 199, 299, 399))]
        run_once(world, invariants=[StoredHasOwner()])
        assert pages.asked_after[5:7] == [f"{prefix}000499", f"{prefix}000599"]

    def test_real_storage_is_swept_page_by_page(self, pipeline: Pipeline, s3_engine: None) -> None:
        storage = wiring.storage()
        video = pipeline.uploaded()
        loser = pipeline.claim(video)
        storage.write_bytes(f"{loser.output_prefix}a.mp4", b"x", content_type="video/mp4")
        pipeline.fail(loser)
        later = FixedClock(SystemClock().now() + grace() + timedelta(hours=1))
        world = replace(pipeline.world, storage=storage, clock=later)
        Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(published_at=None)
        (report,) = run_once(world, invariants=[StoredHasOwner()])
        assert report.repaired >= 1
        assert list(storage.list_objects(loser.output_prefix)) == []


def test_real_storage_lists_a_page_after_a_key(s3_engine: None) -> None:
    storage = wiring.storage()
    prefix = "pages/of/a/listing/"
    for name in ("a-1/x", "a-10/x", "a-2/x", "b"):
        storage.write_bytes(prefix + name, b"x", content_type="text/plain")
    try:
        page = storage.list_page(prefix, after=f"{prefix}a-1/x")
        assert ([entry.key.removeprefix(prefix) for entry in page.entries], page.is_last) == (
            ["a-10/x", "a-2/x", "b"],
            True,
        )
        assert abs(page.entries[0].modified_at - SystemClock().now()) < timedelta(minutes=1)
        assert storage.list_page(prefix, after=f"{prefix}b").entries == ()
    finally:
        storage.delete_prefix(prefix)
