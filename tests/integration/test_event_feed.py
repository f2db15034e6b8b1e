"""To whoever follows the feed: nothing is missed and nothing comes twice, however transactions overlap."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, transaction

from apps.core.models import Tenant
from apps.support.video.domain.lifecycle import EventName
from apps.support.video.models import Video, VideoEvent
from apps.support.video.selectors.events import events_after, last_position
from apps.support.video.services.lifecycle import lock_video, record_event
from tests.support.api import Api
from tests.support.videos import NOON, Pipeline

pytestmark = pytest.mark.django_db(transaction=True)

TIMEOUT_SECONDS = 20
WRITERS = 6
EVENTS_EACH = 25


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WRITERS) as pool:
        yield pool


def record(video: Video, *, number: int, before_commit: Callable[[], object] = lambda: None) -> None:
    """Write one event in a transaction of its own, and do something else before it commits."""
    try:
        with transaction.atomic():
            locked = lock_video(tenant_id=video.tenant_id, video_id=video.pk)
            record_event(video=locked, event=EventName.VIDEO_UPDATED, actor="user:1", now=NOON, data={"number": number})
            before_commit()
    finally:
        connections.close_all()


def positions(tenant: Tenant, *, after: int = 0) -> list[int | None]:
    return [event.position for event in events_after(tenant_id=tenant.pk, after=after, limit=1000)]


class TestOrder:
    def test_an_event_that_commits_late_comes_late_where_a_reader_by_id_would_miss_it(
        self, pipeline: Pipeline, threads: ThreadPoolExecutor
    ) -> None:
        slow, fast = pipeline.pending(), pipeline.pending()
        seen = last_position(tenant_id=pipeline.tenant.pk)
        written, go_on = Event(), Event()

        def linger() -> None:
            written.set()
            assert go_on.wait(TIMEOUT_SECONDS)

        late = threads.submit(record, slow, number=1, before_commit=linger)
        assert written.wait(TIMEOUT_SECONDS)
        threads.submit(record, fast, number=2).result(TIMEOUT_SECONDS)
        (first,) = events_after(tenant_id=pipeline.tenant.pk, after=seen, limit=10)
        go_on.set()
        late.result(TIMEOUT_SECONDS)
        (second,) = events_after(tenant_id=pipeline.tenant.pk, after=first.position or 0, limit=10)

        assert [first.data, second.data] == [{"number": 2}, {"number": 1}]
        assert [first.position, second.position] == [seen + 1, seen + 2]
        by_id = VideoEvent.objects.for_tenant(pipeline.tenant).filter(pk__gt=first.pk)
        assert list(by_id) == []

    def test_a_reader_beside_many_writers_sees_every_event_once_and_without_a_gap(
        self, pipeline: Pipeline, threads: ThreadPoolExecutor
    ) -> None:
        videos = [pipeline.pending() for _ in range(WRITERS)]
        start = last_position(tenant_id=pipeline.tenant.pk)
        barrier = Barrier(WRITERS + 1)

        def write(video: Video) -> None:
            barrier.wait(TIMEOUT_SECONDS)
            for number in range(EVENTS_EACH):
                record(video, number=number)

        writers = [threads.submit(write, video) for video in videos]
        barrier.wait(TIMEOUT_SECONDS)
        seen = follow(pipeline.tenant, after=start, writers=writers)

        assert [event.position for event in seen] == list(range(start + 1, start + WRITERS * EVENTS_EACH + 1))
        for video in videos:
            assert [event.data["number"] for event in seen if event.video_id == video.pk] == list(range(EVENTS_EACH))

    def test_a_transaction_that_fails_leaves_no_gap(self, pipeline: Pipeline) -> None:
        video = pipeline.pending()
        start = last_position(tenant_id=pipeline.tenant.pk)

        def fail() -> None:
            raise RuntimeError("rolled back")

        with pytest.raises(RuntimeError, match="rolled back"):
            record(video, number=1, before_commit=fail)
        record(video, number=2)
        assert positions(pipeline.tenant, after=start) == [start + 1]

    def test_a_long_transaction_elsewhere_holds_nothing_up(
        self, pipeline: Pipeline, threads: ThreadPoolExecutor
    ) -> None:
        """To the operator: a feed that waits for the oldest transaction of the server would stand still meanwhile."""
        video, other = pipeline.pending(), Pipeline(code="other").pending()
        start = last_position(tenant_id=pipeline.tenant.pk)
        written, go_on = Event(), Event()

        def linger() -> None:
            written.set()
            assert go_on.wait(TIMEOUT_SECONDS)

        open_one = threads.submit(record, other, number=1, before_commit=linger)
        assert written.wait(TIMEOUT_SECONDS)
        threads.submit(record, video, number=2).result(TIMEOUT_SECONDS)
        assert positions(pipeline.tenant, after=start) == [start + 1]
        go_on.set()
        open_one.result(TIMEOUT_SECONDS)

    def test_each_tenant_counts_from_one(self, pipeline: Pipeline) -> None:
        other = Pipeline(code="other")
        for each in (pipeline, other, pipeline):
            each.pending()
        assert positions(pipeline.tenant) == [1, 2]
        assert positions(other.tenant) == [1]


class TestApi:
    def test_pages_lead_through_everything_in_order(self, pipeline: Pipeline) -> None:
        video = pipeline.ready()
        api = Api(pipeline.tenant)
        pages = [feed(api, limit=2)]
        while pages[-1]["has_more"]:
            pages.append(feed(api, after=pages[-1]["after"], limit=2))
        events = [event for page in pages for event in page["results"]]
        assert [event["name"] for event in events] == [
            "upload_started",
            "upload_completed",
            "job_created",
            "job_claimed",
            "job_succeeded",
        ]
        assert [event["position"] for event in events] == [1, 2, 3, 4, 5]
        assert {event["video"] for event in events} == {video.pk}
        assert feed(api, after=5) == {"results": [], "after": 5, "has_more": False}

    def test_a_deleted_video_leaves_its_events(self, pipeline: Pipeline) -> None:
        pipeline.delete(pipeline.pending())
        assert [event["name"] for event in feed(Api(pipeline.tenant))["results"]] == ["upload_started", "video_deleted"]

    def test_another_tenants_events_are_not_in_it(self, pipeline: Pipeline) -> None:
        Pipeline(code="other").ready()
        assert feed(Api(pipeline.tenant)) == {"results": [], "after": 0, "has_more": False}

    @pytest.mark.parametrize("query", [{"after": "x"}, {"after": -1}, {"after": 2**63}, {"limit": 0}, {"limit": 1001}])
    def test_nonsense_is_refused_by_name(self, pipeline: Pipeline, query: dict[str, Any]) -> None:
        answer = Api(pipeline.tenant).get("events/", **query)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, list(query))

    def test_a_key_that_may_not_read_reads_nothing(self, pipeline: Pipeline) -> None:
        assert Api(pipeline.tenant, scopes=["videos:write"]).get("events/").status_code == 403


def test_events_from_before_the_feed_are_in_it_too(pipeline: Pipeline) -> None:
    """To whoever upgrades: history is numbered in the order in which it was written."""
    pipeline.ready()
    other = Pipeline(code="other")
    other.pending()
    try:
        call_command("migrate", "video", "0008_upload_init_key", verbosity=0)
    finally:
        # Of every app: what stands upon the tables went with them.
        call_command("migrate", verbosity=0)
    assert positions(pipeline.tenant) == [1, 2, 3, 4, 5]
    by_id = VideoEvent.objects.for_tenant(pipeline.tenant).order_by("pk")
    assert [event.position for event in by_id] == [1, 2, 3, 4, 5]
    other.pending()
    assert positions(other.tenant) == [1, 2]


def follow(tenant: Tenant, *, after: int, writers: list[Future[None]]) -> list[VideoEvent]:
    """Read by cursor, as fast as possible, until everybody has finished writing and nothing more comes."""
    seen: list[VideoEvent] = []
    while True:
        is_last = all(writer.done() for writer in writers)
        page = list(events_after(tenant_id=tenant.pk, after=after, limit=7))
        seen += page
        after = page[-1].position or after if page else after
        if is_last and not page:
            break
    for writer in writers:
        writer.result(TIMEOUT_SECONDS)
    return seen


def feed(api: Api, **query: Any) -> Any:
    answer = api.get("events/", **query)
    assert answer.status_code == 200, answer.content
    return answer.json()
