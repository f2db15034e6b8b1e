"""Promises to whoever keeps a library in order: places in a session, many videos at once, the source back."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.db import connections

from apps.support.video.models import Video, VideoEvent
from libs.clock import SystemClock
from tests.support.api import Api, nothing_changes
from tests.support.videos import Pipeline

pytestmark = pytest.mark.django_db

POLICY = {"allow_skip": False, "max_speed": 1.5, "watermark": True}


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture
def api(pipeline: Pipeline) -> Api:
    return Api(pipeline.tenant)


@pytest.fixture
def other() -> Pipeline:
    return Pipeline(code="other", clock=SystemClock())


def order(api: Api, session: str = "1주차") -> list[int]:
    return [video["id"] for video in api.get(session=session).json()["results"]]


def make(pipeline: Pipeline, count: int, *, session: str = "1주차") -> list[int]:
    return [pipeline.pending(session=session).pk for _ in range(count)]


class TestSessions:
    def test_each_is_listed_once_with_its_number_of_videos(self, pipeline: Pipeline, api: Api, other: Pipeline) -> None:
        make(pipeline, 2, session="나")
        make(pipeline, 1, session="")
        make(pipeline, 3, session="가")
        pipeline.delete(pipeline.pending(session="가"))
        make(other, 1, session="남의 차시")
        assert api.get("sessions/").json() == [
            {"session": "", "video_count": 1},
            {"session": "가", "video_count": 3},
            {"session": "나", "video_count": 2},
        ]

    def test_a_session_is_listed_in_its_order_page_by_page(self, pipeline: Pipeline, api: Api) -> None:
        made = make(pipeline, 5)
        make(pipeline, 2, session="2주차")
        first = api.get(session="1주차", page_size=3).json()
        second = api.get(first["next"].partition("/videos/")[2]).json()
        assert [video["id"] for page in (first, second) for video in page["results"]] == made
        assert second["next"] is None

    def test_those_without_a_session_are_one_too(self, pipeline: Pipeline, api: Api) -> None:
        make(pipeline, 2)
        loose = make(pipeline, 2, session="")
        assert order(api, "") == loose


class TestMoving:
    @pytest.mark.parametrize(
        ("moved", "before", "expected"),
        [
            (0, 2, [1, 0, 2, 3, 4]),
            (0, None, [1, 2, 3, 4, 0]),
            (4, 0, [4, 0, 1, 2, 3]),
            (3, 1, [0, 3, 1, 2, 4]),
            (1, 4, [0, 2, 3, 1, 4]),
            (2, 3, [0, 1, 2, 3, 4]),
            (2, 2, [0, 1, 2, 3, 4]),
            (4, None, [0, 1, 2, 3, 4]),
        ],
    )
    def test_a_video_goes_before_another_or_to_the_end(
        self, pipeline: Pipeline, api: Api, moved: int, before: int | None, expected: list[int]
    ) -> None:
        made = make(pipeline, 5)
        body = {"session": "1주차", "before": None if before is None else made[before]}
        for _ in range(2):
            answer = api.post(f"{made[moved]}/move/", body)
            assert answer.status_code == 200
            assert order(api) == [made[number] for number in expected]
        events = pipeline.events_of(Video.objects.for_tenant(pipeline.tenant).get(pk=made[moved]))
        assert events.count("video_updated") == (0 if expected == [0, 1, 2, 3, 4] else 1)

    def test_a_gap_that_a_deleted_video_has_left_is_no_obstacle(self, pipeline: Pipeline, api: Api) -> None:
        made = make(pipeline, 4)
        api.delete(f"{made[1]}/")
        api.post(f"{made[3]}/move/", {"session": "1주차", "before": made[0]})
        assert order(api) == [made[3], made[0], made[2]]

    def test_it_takes_its_place_in_another_session_and_leaves_the_first_one_in_order(
        self, pipeline: Pipeline, api: Api
    ) -> None:
        here, there = make(pipeline, 3), make(pipeline, 3, session="2주차")
        answer = api.post(f"{here[1]}/move/", {"session": "2주차", "before": there[1]})
        assert (answer.json()["session"], answer.json()["position"]) == ("2주차", 2)
        assert (order(api), order(api, "2주차")) == ([here[0], here[2]], [there[0], here[1], there[1], there[2]])
        assert order(api) + make(pipeline, 1) == order(api)

    def test_a_place_before_a_video_of_another_session_or_tenant_does_not_exist(
        self, pipeline: Pipeline, api: Api, other: Pipeline
    ) -> None:
        mine, elsewhere, foreign = make(pipeline, 2), make(pipeline, 1, session="2주차"), make(other, 1)
        for before in (elsewhere[0], foreign[0], 999_999):
            with nothing_changes():
                answer = api.post(f"{mine[0]}/move/", {"session": "1주차", "before": before})
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize("body", [{}, {"session": 1}, {"session": "x" * 101}, {"session": "1주차", "before": "1"}])
    def test_a_place_that_is_none_is_refused(self, pipeline: Pipeline, api: Api, body: dict[str, Any]) -> None:
        made = make(pipeline, 1)
        with nothing_changes():
            assert api.post(f"{made[0]}/move/", body).status_code == 400


@pytest.mark.django_db(transaction=True)
class TestMovingAtOnce:
    def test_moves_and_uploads_at_the_same_time_lose_no_video_and_share_no_place(self, pipeline: Pipeline) -> None:
        """To two teachers who tidy up the same session while a third uploads to it."""
        made = make(pipeline, 6)
        api = Api(pipeline.tenant)

        def move(number: int) -> int:
            body = {"session": "1주차", "before": made[(number * 5 + 1) % 6]}
            status: int = api.post(f"{made[number % 6]}/move/", body).status_code
            connections.close_all()
            return status

        def upload(_number: int) -> int:
            video_id = pipeline.pending(session="1주차").pk
            connections.close_all()
            return int(video_id)

        with ThreadPoolExecutor(6) as pool:
            moves, uploads = pool.map(move, range(24)), pool.map(upload, range(8))
            assert set(moves) == {200}
            added = list(uploads)
        rows = Video.objects.for_tenant(pipeline.tenant).filter(session="1주차")
        assert sorted(order(api)) == sorted([*made, *added])
        assert len({row.position for row in rows}) == 14


class TestBulk:
    def test_each_video_is_done_for_itself_and_a_refusal_says_why(
        self, pipeline: Pipeline, api: Api, other: Pipeline
    ) -> None:
        failed, pending, foreign = pipeline.failed(), pipeline.pending(), other.failed()
        ids = [failed.pk, pending.pk, foreign.pk]
        answer = api.post("bulk/", {"action": "retry", "video_ids": ids}, Accept_Language="en")
        results = answer.json()["results"]
        assert answer.status_code == 200
        assert [result["video_id"] for result in results] == ids
        assert results[0]["refusal"] is None
        assert [result["refusal"]["code"] for result in results[1:]] == ["invalid_status", "not_found"]
        assert results[2]["refusal"]["detail"] == "There is no such video."
        assert pipeline.fresh(failed).status == "UPLOADED"
        assert other.fresh(foreign).status == "FAILED"

    def test_many_are_moved_in_the_order_that_they_are_named_in(self, pipeline: Pipeline, api: Api) -> None:
        made, there = make(pipeline, 3), make(pipeline, 1, session="2주차")
        body = {"action": "move", "video_ids": [made[2], made[0]], "session": "2주차"}
        assert api.post("bulk/", body).status_code == 200
        assert (order(api), order(api, "2주차")) == ([made[1]], [there[0], made[2], made[0]])

    def test_many_get_the_same_policy_and_what_is_gone_says_so(self, pipeline: Pipeline, api: Api) -> None:
        made = make(pipeline, 3)
        api.delete(f"{made[1]}/")
        body = {"action": "set_policy", "video_ids": made, "policy": POLICY}
        results = api.post("bulk/", body).json()["results"]
        assert [(result["refusal"] or {}).get("code") for result in results] == [None, "not_found", None]
        assert [api.video(pk)["policy"] for pk in (made[0], made[2])] == [POLICY, POLICY]
        changes = VideoEvent.objects.for_tenant(pipeline.tenant).filter(name="video_updated")
        assert sorted(changes.values_list("video_id", "data")) == [(made[0], POLICY), (made[2], POLICY)]

    def test_a_repeat_with_the_same_key_answers_the_same_and_does_nothing(self, pipeline: Pipeline, api: Api) -> None:
        made = make(pipeline, 2)
        body = {"action": "delete", "video_ids": made}
        first = api.post("bulk/", body, Idempotency_Key="bulk-1")
        with nothing_changes():
            again = api.post("bulk/", body, Idempotency_Key="bulk-1")
        assert first.json() == again.json() == {"results": [{"video_id": pk, "refusal": None} for pk in made]}
        assert order(api) == []

    @pytest.mark.parametrize(
        "body",
        [
            {"action": "cancel", "video_ids": [1]},
            {"action": "delete", "video_ids": []},
            {"action": "delete", "video_ids": [1, 1]},
            {"action": "delete", "video_ids": list(range(1, 102))},
            {"action": "move", "video_ids": [1]},
            {"action": "delete", "video_ids": [1], "session": "1주차"},
            {"action": "set_policy", "video_ids": [1]},
            {"action": "set_policy", "video_ids": [1], "policy": {"watermark": True}},
            {"action": "move", "video_ids": [1], "session": "", "policy": POLICY},
        ],
    )
    def test_what_makes_no_sense_is_refused_whole(self, pipeline: Pipeline, api: Api, body: dict[str, Any]) -> None:
        make(pipeline, 1)
        with nothing_changes():
            assert api.post("bulk/", body).status_code == 400

    def test_who_may_only_read_changes_nothing(self, pipeline: Pipeline) -> None:
        made = make(pipeline, 1)
        reader = Api(pipeline.tenant, scopes=["videos:read"])
        with nothing_changes():
            answer = reader.post("bulk/", {"action": "delete", "video_ids": made})
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


class TestDownload:
    def test_a_browser_saves_the_source_under_the_name_that_it_was_uploaded_with(
        self, pipeline: Pipeline, api: Api, s3_engine: None
    ) -> None:
        body = b"the bytes of a lecture"
        name = "1강 소개 (최종).mp4"
        video_id = api.upload(body, filename=name)
        video = Video.objects.for_tenant(pipeline.tenant).get(pk=video_id)
        pipeline.put(video, size_bytes=len(body))
        pipeline.complete(video)

        answer = api.post(f"{video_id}/download/").json()
        with httpx.Client(trust_env=False) as browser:
            saved = browser.get(answer["url"])
        assert (answer["filename"], answer["size_bytes"]) == (name, len(body))
        assert saved.content == body
        assert saved.headers["Content-Disposition"] == (
            "attachment; filename*=UTF-8''1%EA%B0%95%20%EC%86%8C%EA%B0%9C%20%28%EC%B5%9C%EC%A2%85%29.mp4"
        )

    def test_there_is_none_before_the_upload_was_accepted(self, pipeline: Pipeline, api: Api) -> None:
        pending = pipeline.pending()
        assert "download" not in api.video(pending.pk)["allowed_actions"]
        answer = api.post(f"{pending.pk}/download/")
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_status")

    @pytest.mark.parametrize("scopes", [["videos:read"], ["videos:write"]])
    def test_it_takes_the_right_to_read_and_the_right_to_write(self, pipeline: Pipeline, scopes: list[str]) -> None:
        video = pipeline.ready()
        answer = Api(pipeline.tenant, scopes=scopes).post(f"{video.pk}/download/")
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
