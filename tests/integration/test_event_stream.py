"""To whoever follows the stream: the feed as it happens, for as long as one likes, and nothing missed in between."""

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from django.db import connection, connections
from django.test import Client

from apps.core.models import Membership, Role, Tenant, User
from apps.support.video.models import Video, VideoEvent
from apps.support.video.services.editing import update_video
from libs.clock import SystemClock
from tests.support.api import VIDEOS, Api
from tests.support.api_process import ApiProcess
from tests.support.event_source import EventSource
from tests.support.videos import Pipeline
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SILENT_SECONDS = 0.4
WRITERS = 4
EVENTS_EACH = 20
CUT_LISTENER = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = 'academy-video-feed' AND datname = current_database()
"""

MakeApi = Callable[..., ApiProcess]


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[ApiProcess]:
    variables = {"ACADEMY_STREAM_HEARTBEAT_SECONDS": str(SILENT_SECONDS)}
    with ApiProcess(log_file=tmp_path_factory.mktemp("api") / "api.log", variables=variables) as api:
        yield api


@pytest.fixture
def make_api(tmp_path: Path) -> Iterator[MakeApi]:
    made: list[ApiProcess] = []

    def make(**variables: str) -> ApiProcess:
        made.append(ApiProcess(log_file=tmp_path / f"api-{len(made)}.log", variables=variables))
        return made[-1].__enter__()

    yield make
    for api in made:
        api.stop()


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


@pytest.fixture
def caller(pipeline: Pipeline) -> Api:
    return Api(pipeline.tenant)


def follow(api: ApiProcess, caller: Api, *, after: int | None = None, last_event_id: int | None = None) -> EventSource:
    query = "" if after is None else f"?after={after}"
    headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
    return EventSource(api.url, headers={"Authorization": f"Bearer {caller.bearer}", **headers}, query=query)


def is_let_in(api: ApiProcess, caller: Api) -> bool:
    with follow(api, caller) as stream:
        return stream.response.status_code == 200


def rename(video: Video, title: str) -> None:
    update_video(
        tenant=Tenant.objects.get(pk=video.tenant_id),
        video_id=video.pk,
        actor="user:1",
        clock=SystemClock(),
        title=title,
    )


class TestLive:
    def test_what_happens_arrives_in_order_and_as_the_feed_shows_it(
        self, shared_api: ApiProcess, pipeline: Pipeline, caller: Api
    ) -> None:
        with follow(shared_api, caller) as stream:
            assert stream.next().name == "heartbeat"
            pipeline.ready()
            events = stream.next_events(5)
        assert [event.data for event in events] == caller.get("events/").json()["results"]
        assert [event.position for event in events] == [1, 2, 3, 4, 5]

    def test_nothing_of_another_tenant_is_in_it(self, shared_api: ApiProcess, pipeline: Pipeline, caller: Api) -> None:
        other = Pipeline(code="other", clock=SystemClock())
        with follow(shared_api, caller) as stream, follow(shared_api, Api(other.tenant)) as theirs:
            other.ready()
            assert len(theirs.next_events(5)) == 5
            video = pipeline.pending()
            (event,) = stream.next_events(1)
        assert event.data["video"] == video.pk

    def test_silence_is_told_from_a_broken_line_by_heartbeats(
        self, shared_api: ApiProcess, pipeline: Pipeline, caller: Api
    ) -> None:
        pipeline.pending()
        started = time.monotonic()
        with follow(shared_api, caller) as stream:
            beats = [stream.next() for _ in range(3)]
        assert {(beat.name, beat.position) for beat in beats} == {("heartbeat", 1)}
        assert time.monotonic() - started >= 2 * SILENT_SECONDS

    def test_a_reader_that_is_cut_off_again_and_again_misses_nothing_while_many_write(
        self, shared_api: ApiProcess, pipeline: Pipeline, caller: Api
    ) -> None:
        videos = [pipeline.pending() for _ in range(WRITERS)]

        def write(video: Video) -> None:
            try:
                for number in range(EVENTS_EACH):
                    rename(video, f"{number}강")
            finally:
                connections.close_all()

        seen: list[int] = []
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write, video) for video in videos]
            while len(seen) < WRITERS + WRITERS * EVENTS_EACH:
                with follow(shared_api, caller, last_event_id=seen[-1] if seen else 0) as stream:
                    wanted = min(random.randint(1, 15), WRITERS + WRITERS * EVENTS_EACH - len(seen))
                    seen += [event.position for event in stream.next_events(wanted)]
            for writer in writers:
                writer.result()
        assert seen == list(range(1, WRITERS + WRITERS * EVENTS_EACH + 1))

    def test_it_goes_on_after_the_database_has_cut_the_listener_off(
        self, shared_api: ApiProcess, pipeline: Pipeline, caller: Api
    ) -> None:
        with follow(shared_api, caller) as stream:
            assert stream.next().name == "heartbeat"
            with connection.cursor() as cursor:
                cursor.execute(CUT_LISTENER)
                assert cursor.fetchone()[0] >= 1
            video = pipeline.pending()
            (event,) = stream.next_events(1)
        assert event.data["video"] == video.pk


class TestLimits:
    def test_an_old_stream_ends_so_that_its_caller_is_checked_again(
        self, make_api: MakeApi, pipeline: Pipeline, caller: Api
    ) -> None:
        api = make_api(ACADEMY_STREAM_SECONDS="0.5", ACADEMY_STREAM_HEARTBEAT_SECONDS="0.2")
        with follow(api, caller) as stream:
            assert {event.name for event in stream} == {"heartbeat"}
        wait_until(lambda: '"reason": "old_enough"' in api.log_file.read_text(), timeout_seconds=10, message="logged")

    def test_one_too_many_is_refused_and_the_rest_goes_on(
        self, make_api: MakeApi, pipeline: Pipeline, caller: Api
    ) -> None:
        api = make_api(ACADEMY_STREAM_LIMIT="1")
        with follow(api, caller) as stream:
            with follow(api, caller) as refused:
                answer = refused.response
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
            pipeline.pending()
            assert len(stream.next_events(1)) == 1
        wait_until(lambda: is_let_in(api, caller), timeout_seconds=10, message="the place of the one that left is free")

    def test_a_reader_far_behind_gets_everything_in_bounded_pieces(
        self, shared_api: ApiProcess, pipeline: Pipeline, caller: Api
    ) -> None:
        """To the operator: whoever asks for a year of events and reads nothing must not fill the memory."""
        video = pipeline.pending()
        long_text = "가" * 2000
        VideoEvent.objects.bulk_create(
            VideoEvent(
                tenant=pipeline.tenant,
                video=video,
                name="video_updated",
                at=video.created_at,
                actor="user:1",
                data={"text": long_text},
            )
            for _ in range(199)
        )
        seen: list[int] = []
        pieces: list[int] = []
        while len(seen) < 200:
            with follow(shared_api, caller, after=seen[-1] if seen else 0) as stream:
                piece = [event.position for event in stream if event.name == "message"]
            seen += piece
            pieces.append(len(piece))
        assert seen == list(range(1, 201))
        assert max(pieces) < 200

    def test_a_stop_ends_streams_at_once(self, make_api: MakeApi, pipeline: Pipeline, caller: Api) -> None:
        """To the operator: a deployment does not wait for people who have a page open."""
        api = make_api()
        with follow(api, caller) as stream:
            assert stream.next().name == "heartbeat"
            started = time.monotonic()
            api.stop()
            assert time.monotonic() - started < 5
            assert list(stream) == []
        assert '"reason": "shutdown"' in api.log_file.read_text()

    def test_a_caller_that_hangs_up_is_forgotten(self, make_api: MakeApi, pipeline: Pipeline, caller: Api) -> None:
        api = make_api()
        with follow(api, caller) as stream:
            assert stream.next().name == "heartbeat"
        wait_until(
            lambda: '"reason": "caller_gone"' in api.log_file.read_text(), timeout_seconds=10, message="forgotten"
        )


class TestAccess:
    def test_a_person_is_known_by_their_session(self, shared_api: ApiProcess, pipeline: Pipeline) -> None:
        user = User.objects.create_user("kim", password="not-needed-here")
        Membership.objects.create(tenant=pipeline.tenant, user=user, role=Role.VIEWER)
        browser = Client()
        browser.force_login(user)
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
        with EventSource(shared_api.url, headers={"Cookie": cookie}) as stream:
            video = pipeline.pending()
            (event,) = stream.next_events(1)
        assert event.data["video"] == video.pk

    @pytest.mark.parametrize(
        ("headers", "status"), [({}, 401), ({"Authorization": "Bearer avk_wrong"}, 401)], ids=["nobody", "wrong key"]
    )
    def test_a_stranger_gets_no_stream(self, shared_api: ApiProcess, headers: dict[str, str], status: int) -> None:
        answer = httpx.get(f"{shared_api.url}{VIDEOS}events/stream/", headers=headers, trust_env=False)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/json"

    def test_a_key_that_may_not_read_gets_no_stream(self, pipeline: Pipeline) -> None:
        assert Api(pipeline.tenant, scopes=["videos:write"]).get("events/stream/").status_code == 403


class TestStart:
    """What the view answers by itself, which is also all of it behind a server that cannot hold connections."""

    def test_it_begins_with_what_comes_next_unless_told_otherwise(self, pipeline: Pipeline, caller: Api) -> None:
        pipeline.ready()
        answer = caller.get("events/stream/")
        assert answer.content == b"retry: 1000\n\nid: 5\nevent: heartbeat\ndata: 5\n\n"
        assert answer.headers["Content-Type"] == "text/event-stream"

    def test_it_begins_behind_the_last_event_of_the_caller(self, pipeline: Pipeline, caller: Api) -> None:
        pipeline.ready()
        by_query = caller.get("events/stream/", after=3)
        ids = [line for line in by_query.content.splitlines() if line.startswith(b"id: ")]
        assert ids == [b"id: 4", b"id: 5", b"id: 5"]

    @pytest.mark.parametrize("position", [6, 2**63 - 1])
    def test_a_position_from_before_a_restored_backup_is_the_end(
        self, pipeline: Pipeline, caller: Api, position: int
    ) -> None:
        pipeline.ready()
        assert caller.get("events/stream/", after=position).headers["X-Event-Stream"] == f"{pipeline.tenant.pk}:5"
        assert caller.get("events/", after=position).json() == {"results": [], "after": 5, "has_more": False}

    @pytest.mark.parametrize("position", ["x", "-1", str(2**63)])
    def test_nonsense_is_refused(self, caller: Api, position: str) -> None:
        answer = caller.get("events/stream/", after=position)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["after"])


def test_the_header_between_view_and_server_is_not_for_callers(shared_api: ApiProcess, caller: Api) -> None:
    with follow(shared_api, caller) as stream:
        assert "X-Event-Stream" not in stream.response.headers
        assert stream.response.headers["Cache-Control"] == "no-store"


def test_a_head_request_gets_no_stream(shared_api: ApiProcess, caller: Api) -> None:
    answer = httpx.head(
        f"{shared_api.url}{VIDEOS}events/stream/",
        headers={"Authorization": f"Bearer {caller.bearer}"},
        trust_env=False,
        timeout=10,
    )
    assert answer.status_code == 200


def test_the_serving_process_dies_with_its_main_process(make_api: MakeApi) -> None:
    api = make_api()
    serving = api.serving_pid
    os.kill(api.pid, 9)
    wait_until(lambda: not Path(f"/proc/{serving}").exists(), timeout_seconds=10, message="it is gone")
