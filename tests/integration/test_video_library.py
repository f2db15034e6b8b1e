"""Promises to the person at the page: the list, one video, its progress, its story, another name, and the end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.core.models import Membership, User
from apps.support.video.domain.contracts import JobProgress
from apps.support.video.models import Video, VideoTranscodeJob
from apps.support.video.services.transcode import renew_lease
from libs.clock import SystemClock
from tests.support.api import VIDEOS, Api, nothing_changes
from tests.support.videos import STATES, Pipeline

pytestmark = pytest.mark.django_db

STRICT = {"allow_skip": False, "max_speed": 1.5, "watermark": True}


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture
def api(pipeline: Pipeline) -> Api:
    return Api(pipeline.tenant)


def ids(page: Any) -> list[int]:
    return [video["id"] for video in page["results"]]


class TestList:
    def test_the_newest_come_first_page_by_page_and_each_once(self, pipeline: Pipeline, api: Api) -> None:
        made = [pipeline.pending().pk for _ in range(7)]
        pages = [api.get(page_size=3).json()]
        while pages[-1]["next"]:
            pages.append(follow(api, pages[-1]["next"]))
        assert [ids(page) for page in pages] == [made[6:3:-1], made[3:0:-1], made[0:1]]
        assert ids(follow(api, pages[2]["previous"])) == made[3:0:-1]
        assert pages[0]["previous"] is None

    def test_pages_do_not_shift_while_videos_are_added(self, pipeline: Pipeline, api: Api) -> None:
        made = [pipeline.pending().pk for _ in range(4)]
        first = api.get(page_size=2).json()
        pipeline.pending()
        assert ids(first) + ids(follow(api, first["next"])) == made[::-1]

    def test_a_page_has_24_unless_told_otherwise_and_never_more_than_100(self, pipeline: Pipeline, api: Api) -> None:
        template = pipeline.pending()
        upload = template.upload
        for number in range(2, 103):
            template.pk, template.position = None, number
            template.save(force_insert=True)
            upload.pk, upload.video, upload.file_key = None, template, f"key-{number}"
            upload.save(force_insert=True)
        assert [len(ids(api.get(**query).json())) for query in ({}, {"page_size": 1000}, {"page_size": "x"})] == [
            24,
            100,
            24,
        ]

    @pytest.mark.parametrize("cursor", ["x", "%00", "a" * 500, "cD0xMDA="])
    def test_a_cursor_that_is_none_is_refused_or_reads_from_its_place(
        self, pipeline: Pipeline, api: Api, cursor: str
    ) -> None:
        pipeline.pending()
        assert api.get(cursor=cursor).status_code in {200, 404}

    def test_statuses_filter_and_may_be_several(self, pipeline: Pipeline, api: Api) -> None:
        made = {state: pipeline.in_state(state).pk for state in ("pending", "ready", "failed", "processing")}
        assert ids(api.get(status="READY").json()) == [made["ready"]]
        assert ids(api.get(status=["READY", "FAILED"]).json()) == [made["failed"], made["ready"]]
        assert ids(api.get(status="NOTHING").json()) == []
        assert len(ids(api.get().json())) == 4

    @pytest.mark.parametrize(
        ("search", "found"),
        [("수학", [0]), ("ALGEBRA", [1]), ("%", [2]), ("_", []), ("'; DROP", []), ("", [2, 1, 0]), ("\x00", [2, 1, 0])],
    )
    def test_a_search_finds_a_part_of_the_title(
        self, pipeline: Pipeline, api: Api, search: str, found: list[int]
    ) -> None:
        made = [pipeline.pending(title=title).pk for title in ("중등 수학 1강", "Algebra I", "100% 정리")]
        assert ids(api.get(search=search).json()) == [made[number] for number in found]

    def test_mine_are_those_that_i_have_uploaded_and_a_machine_has_none(
        self, pipeline: Pipeline, api: Api, client: Client
    ) -> None:
        """To a teacher who comes back: only their own unfinished uploads are offered to them."""
        me, colleague = (User.objects.create_user(name) for name in ("me", "colleague"))
        Membership.objects.create(tenant=pipeline.tenant, user=me, role="staff")
        mine, theirs = pipeline.pending(), pipeline.pending()
        for video, owner in ((mine, me), (theirs, colleague)):
            Video.objects.for_tenant(pipeline.tenant).filter(pk=video.pk).update(created_by=owner)
        client.force_login(me)
        assert ids(client.get(VIDEOS, {"mine": "true"}).json()) == [mine.pk]
        assert ids(client.get(VIDEOS).json()) == [theirs.pk, mine.pk]
        assert ids(api.get(mine="true").json()) == []

    def test_deleted_videos_are_gone_from_it(self, pipeline: Pipeline, api: Api) -> None:
        gone, kept = pipeline.ready(), pipeline.ready()
        pipeline.delete(gone)
        assert ids(api.get().json()) == [kept.pk]

    def test_a_page_costs_the_same_few_queries_however_many_videos(
        self, pipeline: Pipeline, api: Api, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(5):
            pipeline.ready()
        api.get()
        with django_assert_max_num_queries(8):
            assert len(ids(api.get().json())) == 5


def follow(api: Api, url: str) -> Any:
    return api.get(url.partition(VIDEOS)[2]).json()


class TestOneVideo:
    @pytest.mark.parametrize("state", STATES)
    def test_a_list_and_a_page_show_the_same(self, pipeline: Pipeline, api: Api, state: str) -> None:
        video = pipeline.in_state(state)
        (listed,) = api.get().json()["results"]
        shown = api.video(video.pk)
        urls = (listed.pop("thumbnail_url"), shown.pop("thumbnail_url"))
        assert listed == shown
        assert shown["status"] == video.status
        assert all(urls) == (state in {"ready", "reencoding"})

    def test_a_ready_video_tells_what_a_player_needs(self, pipeline: Pipeline, api: Api) -> None:
        shown = api.video(pipeline.ready().pk)
        assert (shown["duration_seconds"], shown["width"], shown["height"]) == (12.5, 1280, 720)
        assert (shown["failure"], shown["progress"]) == (None, None)
        assert shown["thumbnail_url"].startswith("http")

    @pytest.mark.parametrize(("state", "code"), [("failed", "INPUT_MALFORMED"), ("cancelled", "CANCELLED")])
    @pytest.mark.parametrize("language", ["ko", "en"])
    def test_a_failure_is_a_code_and_sentences_in_the_readers_language(
        self, pipeline: Pipeline, api: Api, state: str, code: str, language: str
    ) -> None:
        video = pipeline.in_state(state)
        failure = api.send("GET", f"{video.pk}/", Accept_Language=language).json()["failure"]
        assert failure["code"] == code
        assert failure["detail"].isascii() == failure["hint"].isascii() == (language == "en")

    @pytest.mark.parametrize("state", STATES)
    def test_only_what_failed_has_a_failure(self, pipeline: Pipeline, api: Api, state: str) -> None:
        video = pipeline.in_state(state)
        assert bool(api.video(video.pk)["failure"]) == (video.status == "FAILED")


class TestProgress:
    def test_a_running_job_tells_how_far_it_is(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        progress = JobProgress(stage="encoding", percent=42.5, remaining_seconds=90.0)
        renew_lease(claim=claim, progress=progress, lease_seconds=60, clock=pipeline.clock)

        expected = {"stage": "encoding", "percent": 42.5, "remaining_seconds": 90.0}
        assert api.video(video.pk)["progress"] == expected
        answer = api.get(f"{video.pk}/progress/").json()
        assert {name: answer[name] for name in expected} == expected
        assert (answer["status"], answer["job_id"], answer["attempt"]) == ("PROCESSING", str(claim.job_id), 1)
        assert datetime.fromisoformat(answer["updated_at"]) > SystemClock().now() - timedelta(minutes=1)

    @pytest.mark.parametrize("state", STATES)
    def test_hundred_percent_means_ready_and_nothing_else(self, pipeline: Pipeline, api: Api, state: str) -> None:
        video = pipeline.in_state(state)
        answer = api.get(f"{video.pk}/progress/").json()
        assert answer["status"] == video.status
        if answer["percent"] == 100:
            assert video.status == "READY"
        assert 0 <= answer["percent"] <= 100

    def test_a_new_attempt_starts_from_nothing(self, pipeline: Pipeline, api: Api) -> None:
        """To the person at the page: no progress bar stands at the percent of an attempt that died."""
        video = pipeline.uploaded()
        claim = pipeline.claim(video)
        progress = JobProgress(stage="encoding", percent=95.0, remaining_seconds=3.0)
        renew_lease(claim=claim, progress=progress, lease_seconds=60, clock=pipeline.clock)
        pipeline.retry_later(claim)
        VideoTranscodeJob.objects.for_tenant(pipeline.tenant).update(next_attempt_at=SystemClock().now())
        pipeline.claim(video)
        assert api.video(video.pk)["progress"]["percent"] == 0


class TestTimeline:
    def test_the_whole_story_is_told_in_order_with_who_did_it(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.uploaded()
        pipeline.retry_later(pipeline.claim(video))
        VideoTranscodeJob.objects.for_tenant(pipeline.tenant).update(next_attempt_at=SystemClock().now())
        pipeline.publish(pipeline.claim(video))

        told = api.get(f"{video.pk}/timeline/").json()
        story = [event for event in told if event["source"] != "outbox"]
        assert [event["name"] for event in story] == [
            "upload_started",
            "upload_completed",
            "job_created",
            "job_claimed",
            "job_retry_scheduled",
            "job_requeued",
            "job_claimed",
            "job_succeeded",
        ]
        assert [event["actor"] for event in story][:4] == ["user:1", "user:1", "user:1", "worker:worker-a"]
        assert [event["attempt"] for event in story][3:] == [1, 1, 1, 2, 2]
        assert told == sorted(told, key=lambda event: event["at"])

    def test_an_api_key_is_named_as_such(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.pending()
        api.patch(f"{video.pk}/", {"title": "새 제목"})
        assert api.get(f"{video.pk}/timeline/").json()[-1]["actor"] == f"key:{api.bearer[:12]}"


class TestUpdate:
    def test_a_new_title_is_shown_and_in_the_story(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.ready()
        answer = api.patch(f"{video.pk}/", {"title": "  2강 심화  "})
        assert (answer.status_code, answer.json()["title"]) == (200, "2강 심화")
        assert pipeline.events_of(video)[-1] == "video_updated"

    def test_the_same_title_is_no_event(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.pending()
        with nothing_changes():
            assert api.patch(f"{video.pk}/", {"title": video.title}).status_code == 200

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"title": ""},
            {"title": None},
            {"title": 5},
            {"title": "x" * 201},
            {"name": "x"},
            {"title": "새 제목", "policy": {"allow_skip": False}},
            {"policy": {**STRICT, "max_speed": 2.5}},
            {"policy": {**STRICT, "max_speed": 0}},
            {"policy": {**STRICT, "max_speed": "1.5"}},
            {"policy": None},
            [],
            b"{",
        ],
    )
    def test_anything_else_is_refused(self, pipeline: Pipeline, api: Api, body: Any) -> None:
        video = pipeline.ready()
        with nothing_changes():
            assert api.patch(f"{video.pk}/", body).status_code == 400

    def test_a_policy_is_changed_without_the_title_and_reaches_the_player(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.ready()
        answer = api.patch(f"{video.pk}/", {"policy": STRICT}).json()
        assert (answer["policy"], answer["title"]) == (STRICT, video.title)
        assert api.post(f"{video.pk}/playback/").json()["policy"] == STRICT
        with nothing_changes():
            api.patch(f"{video.pk}/", {"policy": STRICT})

    def test_nothing_else_can_be_changed(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.failed()
        api.patch(f"{video.pk}/", {"title": "새 제목", "status": "READY", "tenant": 99, "published_prefix": "x/"})
        found = pipeline.fresh(video)
        assert (found.title, found.status, found.tenant_id, found.published_prefix) == (
            "새 제목",
            "FAILED",
            pipeline.tenant.pk,
            "",
        )


class TestDelete:
    @pytest.mark.parametrize("state", STATES)
    def test_a_video_is_gone_at_once_and_its_purge_is_planned(self, pipeline: Pipeline, api: Api, state: str) -> None:
        video = pipeline.in_state(state)
        answer = api.delete(f"{video.pk}/")
        assert (answer.status_code, answer.content) == (204, b"")
        assert api.get(f"{video.pk}/").status_code == 404
        found = pipeline.fresh(video)
        assert found.deleted_at is not None
        assert found.purge_after is not None
        assert found.purge_after > found.deleted_at
        active = VideoTranscodeJob.objects.for_tenant(pipeline.tenant).filter(
            video=video, state__in=["QUEUED", "RUNNING", "RETRY_WAIT"]
        )
        assert not active.exists()

    def test_a_second_delete_is_404(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.ready()
        api.delete(f"{video.pk}/")
        with nothing_changes():
            assert api.delete(f"{video.pk}/").status_code == 404

    def test_its_place_in_the_session_is_free_again(self, pipeline: Pipeline, api: Api) -> None:
        first, second = pipeline.pending(session="3월"), pipeline.pending(session="3월")
        api.delete(f"{second.pk}/")
        assert pipeline.pending(session="3월").position == 2
        assert Video.objects.for_tenant(pipeline.tenant).get(pk=first.pk).position == 1


class TestJobsByHand:
    def test_retry_answers_with_the_new_job(self, pipeline: Pipeline, api: Api, sqs_engine: None) -> None:
        video = pipeline.failed()
        answer = api.post(f"{video.pk}/retry/")
        assert (answer.status_code, answer.json()["job_id"]) == (202, str(pipeline.job_of(video).pk))
        assert pipeline.job_of(video).state == "QUEUED"

    def test_retry_of_a_running_job_answers_with_it(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.processing()
        with nothing_changes():
            answer = api.post(f"{video.pk}/retry/", {"force": False})
        assert (answer.status_code, answer.json()) == (
            202,
            {"detail": "already_active", "job_id": str(pipeline.job_of(video).pk)},
        )

    def test_a_forced_retry_answers_with_the_job_that_starts_after_the_old_one(
        self, pipeline: Pipeline, api: Api
    ) -> None:
        video = pipeline.processing()
        answer = api.post(f"{video.pk}/retry/", {"force": True})
        assert (answer.status_code, answer.json()) == (
            202,
            {"detail": "queued_after_stop", "job_id": str(pipeline.job_of(video).pk)},
        )
        why = api.get(f"{video.pk}/why/").json()
        assert (why["cause_code"], why["severity"]) == ("CLAIM_HELD", "waiting")

    def test_cancel_answers_with_the_cancelled_job(self, pipeline: Pipeline, api: Api) -> None:
        video = pipeline.processing()
        answer = api.post(f"{video.pk}/cancel/")
        assert (answer.status_code, answer.json()["job_id"]) == (202, str(pipeline.job_of(video).pk))
        assert api.video(video.pk)["status"] == "FAILED"
