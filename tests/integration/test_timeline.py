"""To whoever asks what became of a video: one story from all tables, in order, and internals for operators only."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.relay import REMEMBERED_FAILURES, drain_once
from apps.support.video.domain.errors import EnqueueFailed
from apps.support.video.models import DeadLetter, Video, VideoEvent
from apps.support.video.recovery.dead_letters import DeadLettersAreSettled
from apps.support.video.recovery.invariants import QueuedJobHasMessage
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.selectors.timeline import timeline_of
from tests.support.api import Api
from tests.support.videos import Pipeline

pytestmark = pytest.mark.django_db


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def drain(pipeline: Pipeline) -> None:
    drain_once(queue=pipeline.sender, clock=pipeline.clock)


def refused(pipeline: Pipeline) -> Video:
    """Return an accepted video whose message the queue does not take, now or later."""
    video = pipeline.pending()
    pipeline.put(video)
    pipeline.sender.is_down = True
    with pytest.raises(EnqueueFailed):
        pipeline.complete(video)
    return pipeline.fresh(video)


def troubled(pipeline: Pipeline) -> Video:
    """Return a video whose message was refused three times, sent, lost, sent again, and given up on."""
    video = refused(pipeline)
    for _ in range(2):
        pipeline.fixed_clock.advance(seconds=120)
        drain(pipeline)
    pipeline.sender.is_down = False
    pipeline.fixed_clock.advance(seconds=120)
    drain(pipeline)
    pipeline.fixed_clock.advance(seconds=100_000)
    run_once(pipeline.world, invariants=[QueuedJobHasMessage()])
    pipeline.fixed_clock.advance(seconds=10)
    drain(pipeline)
    pipeline.fixed_clock.advance(seconds=10)
    pipeline.dead_letters.put(pipeline.message(video).to_json(), receive_count=51)
    run_once(pipeline.world, invariants=[DeadLettersAreSettled()])
    return video


def words(story: list[Any]) -> list[tuple[str, str]]:
    return [(line["source"], line["name"]) for line in story]


def test_it_tells_of_transitions_messages_sweeps_and_dead_letters_in_one_order(pipeline: Pipeline) -> None:
    video = troubled(pipeline)

    story = Api(pipeline.tenant).get(f"{video.pk}/timeline/").json()

    assert words(story) == [
        ("video", "upload_started"),
        ("video", "upload_completed"),
        ("job", "job_created"),
        ("outbox", "message_enqueued"),
        ("outbox", "message_failed"),
        ("outbox", "message_failed"),
        ("outbox", "message_failed"),
        ("outbox", "message_sent"),
        ("sweep", "message_resent"),
        ("outbox", "message_enqueued"),
        ("outbox", "message_sent"),
        ("dead_letter", "message_dead_lettered"),
        ("outbox", "message_enqueued"),
        ("dead_letter", "dead_letter_taken"),
    ]
    assert [line["at"] for line in story] == sorted(line["at"] for line in story)
    assert len({line["id"] for line in story}) == len(story)


def test_every_failed_send_keeps_its_time_and_its_reason_after_the_message_was_sent(pipeline: Pipeline) -> None:
    video = troubled(pipeline)

    failed = [entry for entry in timeline_of(video) if entry.name == "message_failed"]

    assert [entry.data["try"] for entry in failed] == [1, 2, 3]
    assert failed[2].at - failed[1].at == timedelta(seconds=120)
    assert all("stopped" in entry.data["reason"] for entry in failed)


def test_a_long_outage_keeps_how_it_began_and_how_it_went_on(pipeline: Pipeline) -> None:
    video = refused(pipeline)
    for _ in range(REMEMBERED_FAILURES + 5):
        pipeline.fixed_clock.advance(seconds=3600)
        drain(pipeline)

    tries = [entry.data["try"] for entry in timeline_of(video) if entry.name == "message_failed"]

    last = OutboxMessage.objects.get().attempt_count
    assert tries == [1, *range(last - REMEMBERED_FAILURES + 2, last + 1)]


def test_who_may_only_watch_is_told_without_internals(pipeline: Pipeline) -> None:
    video = troubled(pipeline)
    pipeline.claim(video)

    told = Api(pipeline.tenant).get(f"{video.pk}/timeline/").json()
    watched = Api(pipeline.tenant, scopes=["videos:read"]).get(f"{video.pk}/timeline/").json()

    assert words(watched) == words(told)
    assert {line["actor"] for line in watched} <= {"user", "worker", "reconciler", "relay", "api"}
    assert [line["data"] for line in watched if line["data"]] == []
    assert "worker:worker-a" in {line["actor"] for line in told}
    assert [line for line in told if "reason" in line["data"]] != []


def test_it_holds_nothing_of_another_tenant_or_video(pipeline: Pipeline) -> None:
    video, beside = pipeline.uploaded(), pipeline.uploaded()
    theirs = Pipeline(code="theirs").uploaded()
    forged = json.loads(pipeline.message(video).to_json()) | {"tenant_id": theirs.tenant_id}
    pipeline.dead_letters.put(json.dumps(forged))
    run_once(pipeline.world, invariants=[DeadLettersAreSettled()])
    assert DeadLetter.objects.filter(video_id=video.pk).exists()

    entries = timeline_of(video)

    assert {entry.job for entry in entries} == {None, str(pipeline.job_of(video).pk)}
    assert "dead_letter_taken" not in {entry.name for entry in entries}
    assert str(pipeline.job_of(beside).pk) not in {entry.job for entry in entries}
    assert Api(pipeline.tenant).get(f"{theirs.pk}/timeline/").status_code == 404


def test_two_machines_whose_clocks_disagree_do_not_turn_transitions_round(pipeline: Pipeline) -> None:
    video = pipeline.uploaded()
    pipeline.claim(video)
    first = VideoEvent.objects.for_tenant(pipeline.tenant).earliest("id")
    VideoEvent.objects.for_tenant(pipeline.tenant).filter(pk=first.pk).update(at=first.at + timedelta(seconds=2))

    transitions = [entry.name for entry in timeline_of(video) if entry.id.startswith("event:")]

    assert transitions == pipeline.events_of(video)


def test_a_long_story_takes_as_many_queries_as_a_short_one(pipeline: Pipeline) -> None:
    short, long = pipeline.uploaded(), troubled(pipeline)

    counts = []
    for video in (short, long):
        with CaptureQueriesContext(connection) as queries:
            timeline_of(video)
        counts.append(len(queries))

    assert counts == [4, 4]


def test_an_operator_reads_it_at_the_command_line(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    video = troubled(pipeline)
    with pytest.raises(SystemExit) as ended:
        call_command("video", "timeline", str(video.pk), "--json")
    printed = capsys.readouterr().out.splitlines()
    document = json.loads("\n".join(printed[printed.index("{") :]))

    assert ended.value.code == document["exit_code"] == 0
    assert [row["id"] for row in document["rows"]] == [entry.id for entry in timeline_of(video)]
    assert set(document["rows"][0]) == {"id", "source", "name", "at", "actor", "job", "attempt", "data"}
