"""
Promises about addresses and buttons: what is not there is 404, and a button is shown exactly where it works.

Who may make which call, and what another tenant's ids answer, is in `tests/contract/test_every_call.py`.
"""

from typing import Any, ClassVar

import pytest

from apps.core.models import Membership, Tenant, User
from libs.clock import SystemClock
from tests.support.api import Api, nothing_changes
from tests.support.videos import STATES, Pipeline, all_rows

pytestmark = pytest.mark.django_db

# Every address of one video, and the methods that it knows.
READS = [("GET", ""), ("GET", "progress/"), ("GET", "timeline/"), ("GET", "why/")]
WRITES = [
    ("PATCH", ""),
    ("DELETE", ""),
    ("POST", "upload/refresh-url/"),
    ("POST", "upload/complete/"),
    ("POST", "retry/"),
    ("POST", "cancel/"),
    ("POST", "move/"),
    ("POST", "download/"),
]
PLAY = ("POST", "playback/")
BODIES: dict[tuple[str, str], Any] = {("PATCH", ""): {"title": "남의 제목"}, ("POST", "move/"): {"session": "2주차"}}
each_call = pytest.mark.parametrize(("method", "path"), [*READS, *WRITES, PLAY])


@pytest.fixture
def mine() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture(autouse=True)
def _engines(s3_engine: None, sqs_engine: None) -> None:
    """The refusals come before storage and queue are asked; an answer that is not one would ask them."""


def call(api: Api, method: str, video_id: int, path: str) -> Any:
    return api.send(method, f"{video_id}/{path}", BODIES.get((method, path)))


class TestUnknown:
    @each_call
    def test_an_id_that_nobody_has_is_404(self, mine: Pipeline, method: str, path: str) -> None:
        api = Api(mine.tenant)
        for video_id in (0, 999_999_999, 2**63 - 1, 2**63, 10**30):
            answer = call(api, method, video_id, path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize("path", ["abc/", "-1/", "1.5/", "%00/", "1%2f2/", "1/nothing/", "١/"])
    def test_an_address_that_is_none_is_404_in_our_form(self, mine: Pipeline, path: str) -> None:
        answer = Api(mine.tenant).get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @each_call
    def test_a_deleted_video_does_not_exist(self, mine: Pipeline, method: str, path: str) -> None:
        video = mine.ready()
        mine.delete(video)
        with nothing_changes():
            answer = call(Api(mine.tenant), method, video.pk, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize(
        ("method", "path"),
        [("PUT", ""), ("POST", ""), ("GET", "retry/"), ("GET", "upload/complete/"), ("DELETE", "why/")],
    )
    def test_a_method_that_an_address_does_not_know_is_405(self, mine: Pipeline, method: str, path: str) -> None:
        video = mine.pending()
        with nothing_changes():
            answer = Api(mine.tenant).send(method, f"{video.pk}/{path}", {})
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


class Viewer(Api):
    """A signed-in person instead of a key."""

    def __init__(self, tenant: Tenant, *, role: str) -> None:
        user = User.objects.create_user(f"{role}-{tenant.code}", password="x")
        Membership.objects.create(user=user, tenant=tenant, role=role)
        super().__init__(tenant)
        self._client.force_login(user)

    def _headers(self, headers: Any) -> dict[str, str]:
        named = super()._headers(headers)
        del named["Authorization"]
        return named


class TestRoles:
    @pytest.mark.parametrize("state", STATES)
    def test_a_viewer_sees_no_button_but_play(self, mine: Pipeline, state: str) -> None:
        video = mine.in_state(state)
        expected = ["play"] if state in {"ready", "reencoding"} else []
        assert Viewer(mine.tenant, role="viewer").video(video.pk)["allowed_actions"] == expected

    def test_a_viewer_plays(self, mine: Pipeline) -> None:
        video = mine.ready()
        assert call(Viewer(mine.tenant, role="viewer"), "POST", video.pk, "playback/").status_code == 200

    @pytest.mark.parametrize("role", ["owner", "staff"])
    def test_owners_and_staff_write(self, mine: Pipeline, role: str) -> None:
        video = mine.pending()
        answer = Viewer(mine.tenant, role=role).patch(f"{video.pk}/", {"title": "새 제목"})
        assert (answer.status_code, answer.json()["title"]) == (200, "새 제목")


class TestAllowedActions:
    """To the person at the page: a button is shown exactly where the server would accept it."""

    CALLS: ClassVar = {
        "complete": ("POST", "upload/complete/"),
        "refresh_url": ("POST", "upload/refresh-url/"),
        "retry": ("POST", "retry/"),
        "cancel": ("POST", "cancel/"),
        "play": ("POST", "playback/"),
        "download": ("POST", "download/"),
        "update": ("PATCH", ""),
        "delete": ("DELETE", ""),
    }
    REFUSALS = frozenset({"invalid_status", "upload_expired"})

    @pytest.mark.parametrize("action", sorted(CALLS))
    @pytest.mark.parametrize("state", STATES)
    def test_what_is_shown_is_accepted_and_what_is_not_is_refused_and_changes_nothing(
        self, mine: Pipeline, state: str, action: str
    ) -> None:
        video = mine.in_state(state)
        api = Api(mine.tenant)
        shown = action in api.video(video.pk)["allowed_actions"]
        before = all_rows()
        answer = call(api, self.CALLS[action][0], video.pk, self.CALLS[action][1])
        body = answer.json() if answer.content else {}

        assert answer.status_code < 500
        # A retry of what is under way is answered with the job that is; it starts nothing.
        is_under_way = body.get("detail") == "already_active"
        assert shown == (body.get("code") not in self.REFUSALS and not is_under_way), body
        if not shown:
            assert (answer.status_code, body.get("status")) in {(409, video.status), (410, None)} or is_under_way
            assert all_rows() == before
