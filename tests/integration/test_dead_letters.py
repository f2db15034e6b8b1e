"""Promises about what the queue gives up on: nothing is lost with it, nothing goes in a loop, and a person can act."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.standalone.engines.sqs import MAX_RECEIVE_COUNT
from apps.support.outbox.models import OutboxMessage
from apps.support.outbox.relay import drain_once
from apps.support.video import wiring
from apps.support.video.models import DeadLetter, Video, VideoEvent
from apps.support.video.recovery.dead_letters import DeadLettersAreSettled
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.selectors.diagnosis import explain_video
from apps.support.video.services.dead_letters import forget_settled_letters, take_dead_letters
from libs.queue.client import SQSQueueClient
from tests.support.queue import empty, waiting_bodies
from tests.support.videos import Pipeline, all_rows, messages_of

pytestmark = pytest.mark.django_db

JOB_QUEUE = str(settings.VIDEO_SQS_QUEUE_NAME)
DLQ = str(settings.VIDEO_SQS_DLQ_NAME)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def settle(pipeline: Pipeline) -> None:
    run_once(pipeline.world, invariants=[DeadLettersAreSettled()])


def letters() -> list[tuple[str, bool]]:
    """Return state and whether it is settled, of each letter."""
    return [(letter.state, letter.settled_at is not None) for letter in DeadLetter.objects.order_by("id")]


def give_up(pipeline: Pipeline, video: Video, **changes: Any) -> None:
    """Let the queue give up on the message of a video's job."""
    fields = json.loads(pipeline.message(video).to_json()) | changes
    pipeline.dead_letters.put(json.dumps(fields))


class TestOfALivingJob:
    def test_a_job_whose_message_was_sent_is_woken_up_again(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        give_up(pipeline, video)
        settle(pipeline)
        job = pipeline.job_of(video)
        assert letters() == [("job_alive", True)]
        assert [message.sent_at is None for message in messages_of(job)] == [False, True]
        assert (job.state, job.attempt_count, job.failure_count) == ("QUEUED", 0, 0)
        assert pipeline.events_of(video)[-1] == "message_dead_lettered"
        event = VideoEvent.objects.for_tenant(pipeline.tenant).filter(video=video).latest("id")
        assert (event.actor, event.data) == ("reconciler", {"receive_count": 51})

    def test_many_letters_of_one_job_make_one_message(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        for _ in range(25):
            give_up(pipeline, video)
        settle(pipeline)
        assert letters() == [("job_alive", True)] * 25
        assert len(messages_of(pipeline.job_of(video))) == 2

    def test_a_retry_that_is_not_due_stays_so(self, pipeline: Pipeline) -> None:
        video = pipeline.retry_wait()
        drain_once(queue=pipeline.sender, clock=pipeline.clock)
        OutboxMessage.objects.update(sent_at=pipeline.clock.now())
        give_up(pipeline, video)
        settle(pipeline)
        job = pipeline.job_of(video)
        assert job.state == "RETRY_WAIT"
        assert messages_of(job)[-1].due_at == job.next_attempt_at

    def test_a_running_job_is_left_to_its_worker(self, pipeline: Pipeline) -> None:
        video = pipeline.processing()
        give_up(pipeline, video)
        settle(pipeline)
        assert letters() == [("job_alive", True)]
        assert (pipeline.job_of(video).state, len(messages_of(pipeline.job_of(video)))) == ("RUNNING", 1)

    def test_why_says_so_with_what_lies_behind_it_until_the_job_is_claimed(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        give_up(pipeline, video)
        settle(pipeline)
        assert self.causes(pipeline, video) == ("DLQ_EXHAUSTED", "ENQUEUE_PENDING")
        drain_once(queue=pipeline.sender, clock=pipeline.clock)
        assert self.causes(pipeline, video)[0] == "DLQ_EXHAUSTED"
        pipeline.fixed_clock.advance(seconds=1)
        pipeline.claim(video)
        assert self.causes(pipeline, video) == ("ENCODING", None)

    def causes(self, pipeline: Pipeline, video: Video) -> tuple[str, str | None]:
        explanation = explain_video(
            video=pipeline.fresh(video), storage=pipeline.storage, queue=pipeline.dead_letters, clock=pipeline.clock
        )
        return explanation.diagnosis.cause, explanation.diagnosis.inner_cause


@pytest.mark.parametrize("state", ["ready", "failed", "dead", "cancelled"])
def test_a_letter_of_a_settled_job_is_done_with(pipeline: Pipeline, state: str) -> None:
    """To the operator: a healthy job whose last delete was lost is no alarm."""
    video = pipeline.in_state(state)
    before = pipeline.events_of(video), len(messages_of(pipeline.job_of(video)))
    give_up(pipeline, video)
    settle(pipeline)
    assert letters() == [("job_settled", True)]
    assert (pipeline.events_of(video), len(messages_of(pipeline.job_of(video)))) == before


POISON = {
    "unreadable": ["", "text", "[]", "{}", '{"version": 1}', "\ud55c\uae00", "[" * 900],
    "unknown_version": ['{"version": 2}', '{"version": 7, "job": "x"}'],
    "unknown_job": [
        json.dumps({"version": 1, "job_id": str(uuid.UUID(int=9)), "video_id": 7, "tenant_id": 1, "file_key": "x"}),
        json.dumps({"version": 1, "job_id": str(uuid.UUID(int=9)), "video_id": 2**80, "tenant_id": 1, "file_key": ""}),
        json.dumps({"version": 1, "job_id": str(uuid.UUID(int=9)), "video_id": -1, "tenant_id": 0, "file_key": ""}),
    ],
}


class TestPoison:
    @pytest.mark.parametrize(("state", "body"), [(state, body) for state, bodies in POISON.items() for body in bodies])
    def test_it_is_kept_with_its_reason_and_never_in_a_loop(self, pipeline: Pipeline, state: str, body: str) -> None:
        pipeline.dead_letters.put(body)
        for _ in range(3):
            settle(pipeline)
            pipeline.dead_letters.show_again()
        assert letters() == [(state, False)]
        assert DeadLetter.objects.get().body == body
        assert DeadLettersAreSettled().find(pipeline.world, limit=10) == []
        assert not OutboxMessage.objects.exists()

    def test_another_tenants_id_is_no_job(self, pipeline: Pipeline) -> None:
        other = Pipeline(code="other")
        video = pipeline.uploaded()
        give_up(pipeline, video, tenant_id=other.tenant.pk)
        settle(pipeline)
        assert letters() == [("unknown_job", False)]

    def test_a_restored_job_takes_its_message_back(self, pipeline: Pipeline) -> None:
        """To the operator: what the table did not know may be sent again once it does."""
        pipeline.dead_letters.put(POISON["unknown_job"][0])
        settle(pipeline)
        letter = DeadLetter.objects.get()
        call_command_quietly("redrive", str(letter.pk), "--apply")
        assert letters() == [("redriven", True)]
        assert [message.body for message in OutboxMessage.objects.all()] == [letter.body]


class TestTakingOver:
    def test_dying_before_the_delete_takes_it_over_once(self, pipeline: Pipeline) -> None:
        video = pipeline.uploaded()
        give_up(pipeline, video)
        pipeline.dead_letters.loses_deletes = True
        for _ in range(3):
            settle(pipeline)
            pipeline.dead_letters.show_again()
        assert letters() == [("job_alive", True)]
        assert pipeline.events_of(video).count("message_dead_lettered") == 1
        assert len(messages_of(pipeline.job_of(video))) == 2

    def test_a_queue_that_is_down_changes_nothing(self, pipeline: Pipeline) -> None:
        give_up(pipeline, pipeline.uploaded())
        pipeline.dead_letters.is_down = True
        before = all_rows()
        assert run_once(pipeline.world, invariants=[DeadLettersAreSettled()]) == []
        assert all_rows() == before

    def test_what_waits_in_the_queue_is_a_finding(self, pipeline: Pipeline) -> None:
        give_up(pipeline, pipeline.uploaded())
        (finding,) = DeadLettersAreSettled().find(pipeline.world, limit=10)
        assert finding.subject == DLQ
        assert len(pipeline.dead_letters.waiting) == 1

    def test_settled_letters_are_forgotten_after_a_month_and_kept_ones_never(self, pipeline: Pipeline) -> None:
        give_up(pipeline, pipeline.ready())
        pipeline.dead_letters.put("poison")
        settle(pipeline)
        pipeline.fixed_clock.advance(seconds=29 * 86_400)
        assert forget_settled_letters(now=pipeline.clock.now()) == 0
        pipeline.fixed_clock.advance(seconds=2 * 86_400)
        assert forget_settled_letters(now=pipeline.clock.now()) == 1
        assert letters() == [("unreadable", False)]


class TestRealQueue:
    @pytest.fixture
    def queue(self, sqs_engine: None) -> SQSQueueClient:
        empty(JOB_QUEUE, DLQ)
        return wiring.job_queue()

    def test_a_message_that_nobody_can_work_off_arrives_here(self, pipeline: Pipeline, queue: SQSQueueClient) -> None:
        """The queue moves it by itself, as often received as its policy says; we keep it and empty the queue."""
        queue.send_message(queue_name=JOB_QUEUE, message="poison")
        for _ in range(MAX_RECEIVE_COUNT + 1):
            queue.receive(queue_name=JOB_QUEUE, max_messages=1, wait_seconds=0, visibility_seconds=0)
        assert queue.depth(queue_name=DLQ).visible == 1
        assert take_dead_letters(queue=queue, clock=pipeline.clock, limit=100) == 1
        assert (queue.depth(queue_name=DLQ).visible, queue.depth(queue_name=DLQ).in_flight) == (0, 0)
        assert [(letter.body, letter.state) for letter in DeadLetter.objects.all()] == [("poison", "unreadable")]

    def test_more_than_one_batch_is_taken_over(self, pipeline: Pipeline, queue: SQSQueueClient) -> None:
        for number in range(23):
            queue.send_message(queue_name=DLQ, message=f"poison {number}")
        assert take_dead_letters(queue=queue, clock=pipeline.clock, limit=100) == 23
        assert DeadLetter.objects.count() == 23
        assert queue.depth(queue_name=DLQ).visible == 0


def call_command_quietly(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("video", "dlq", *arguments, "--json")
    assert ended.value.code == 0


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and the rows."""
    with pytest.raises(SystemExit) as ended:
        call_command("video", "dlq", *arguments, "--json")
    printed = capsys.readouterr().out.splitlines()
    document = json.loads("\n".join(printed[printed.index("{") :]))
    assert isinstance(ended.value.code, int)
    return ended.value.code, document["rows"]


@pytest.mark.usefixtures("sqs_engine")
class TestCommandLine:
    @pytest.fixture
    def kept(self, pipeline: Pipeline, sqs_engine: None) -> list[int]:
        """Three messages kept for a person."""
        empty(JOB_QUEUE, DLQ)
        for body in ("one", "two", "three"):
            pipeline.dead_letters.put(body)
        settle(pipeline)
        return list(DeadLetter.objects.order_by("id").values_list("pk", flat=True))

    def test_list_shows_them_with_their_reason(self, kept: list[int], capsys: pytest.CaptureFixture[str]) -> None:
        code, rows = run(capsys, "list")
        assert code == 1
        assert [(row["id"], row["body"], row["state"]) for row in rows] == [
            (kept[0], "one", "unreadable"),
            (kept[1], "two", "unreadable"),
            (kept[2], "three", "unreadable"),
        ]

    def test_nothing_kept_is_healthy(self, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
        empty(JOB_QUEUE, DLQ)
        assert run(capsys, "list") == (0, [])

    @pytest.mark.parametrize("action", ["redrive", "purge"])
    def test_without_apply_nothing_changes(
        self, kept: list[int], action: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = all_rows()
        code, rows = run(capsys, action, "--all")
        assert (code, [row["id"] for row in rows]) == (0, kept)
        assert not any(row["applied"] for row in rows)
        assert all_rows() == before

    def test_redrive_sends_it_again_as_it_was(self, kept: list[int], capsys: pytest.CaptureFixture[str]) -> None:
        code, rows = run(capsys, "redrive", str(kept[1]), "--apply")
        assert (code, [(row["id"], row["applied"]) for row in rows]) == (0, [(kept[1], True)])
        drain_once(queue=wiring.job_queue(), clock=wiring.clock())
        assert waiting_bodies() == ["two"]
        assert [row["id"] for row in run(capsys, "list")[1]] == [kept[0], kept[2]]

    def test_purge_forgets_it_for_good(self, kept: list[int], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "purge", "--all", "--apply")[0] == 0
        assert not DeadLetter.objects.exists()
        assert run(capsys, "list") == (0, [])

    @pytest.mark.parametrize("arguments", [["redrive"], ["purge", "1", "--all"], ["redrive", "999999"]])
    def test_a_call_that_names_nothing_or_nothing_kept_is_refused(
        self, kept: list[int], arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = all_rows()
        with pytest.raises(SystemExit) as ended:
            call_command("video", "dlq", *arguments)
        assert ended.value.code == 2
        assert all_rows() == before
