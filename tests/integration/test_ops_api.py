"""To operators: the whole line at a glance, and the reconciler's own repairs at a click. To everybody else: nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.core.models import ALL_SCOPES, Membership, Role, User
from apps.support.outbox.models import OutboxMessage
from apps.support.video.domain.dead_letters import LetterState
from apps.support.video.models import DeadLetter, VideoTranscodeJob
from apps.support.video.recovery.reconciler import INVARIANTS, run_once
from apps.support.video.services.dead_letters import take_dead_letters
from apps.support.video.services.fleet import record_beat
from libs.clock import SystemClock
from tests.support.api import VIDEOS, Api, nothing_changes
from tests.support.queue import purge_queue
from tests.support.videos import Pipeline, set_back

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("s3_engine", "sqs_engine")]

OVERVIEW = f"{VIDEOS}ops/overview/"
RECONCILE = f"{VIDEOS}ops/reconcile/"


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(clock=SystemClock())


def person(pipeline: Pipeline, *, role: Role = Role.OWNER, is_staff: bool = False, name: str = "someone") -> Client:
    user = User.objects.create_user(username=name, password="x", is_staff=is_staff)
    Membership.objects.create(user=user, tenant=pipeline.tenant, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(pipeline: Pipeline) -> Client:
    return person(pipeline, is_staff=True, role=Role.VIEWER)


def overview(operator: Client) -> dict[str, Any]:
    answer = operator.get(OVERVIEW)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def reconcile(operator: Client, *codes: str, **fields: Any) -> Any:
    return operator.post(RECONCILE, {"invariants": list(codes), **fields}, content_type="application/json")


class TestWhoMay:
    @pytest.mark.parametrize("role", list(Role))
    def test_no_role_in_a_tenant_makes_an_operator(self, pipeline: Pipeline, role: Role) -> None:
        client = person(pipeline, role=role)
        assert client.get(OVERVIEW).status_code == 403
        assert reconcile(client, "V03", apply=True).status_code == 403

    def test_no_key_does(self, pipeline: Pipeline) -> None:
        api = Api(pipeline.tenant, scopes=ALL_SCOPES)
        assert api.get("ops/overview/").status_code == 403
        assert api.post("ops/reconcile/", {"invariants": ["V03"], "apply": True}).status_code == 403

    def test_nobody_is_none(self) -> None:
        assert Client().get(OVERVIEW).status_code == 401


class TestOverview:
    def test_the_funnel_counts_what_is_on_its_way_and_knows_the_oldest(
        self, pipeline: Pipeline, operator: Client
    ) -> None:
        pipeline.pending()
        old, _other = pipeline.uploaded(), pipeline.retry_wait()
        pipeline.processing()
        pipeline.ready()
        pipeline.delete(pipeline.uploaded())
        set_back(old, seconds=500, fields=["status_changed_at"])
        found = overview(operator)
        assert [(step["step"], step["count"]) for step in found["funnel"]] == [
            ("PENDING", 1),
            ("UPLOADED", 2),
            ("PROCESSING", 1),
        ]
        assert found["funnel"][1]["oldest_since"] == pipeline.fresh(old).status_changed_at.isoformat().replace(
            "+00:00", "Z"
        )
        assert found["finished_today"] == {"READY": 1, "FAILED": 0, "EXPIRED": 0}

    def test_the_outbox_tells_backlog_from_plans(self, pipeline: Pipeline, operator: Client) -> None:
        pipeline.retry_wait()
        OutboxMessage.objects.update(sent_at=None, last_error="refused", due_at=timezone.now() - timedelta(seconds=90))
        late = pipeline.uploaded()
        OutboxMessage.objects.filter(subject=str(pipeline.job_of(late).pk)).update(
            sent_at=None, due_at=timezone.now() + timedelta(hours=1)
        )
        outbox = overview(operator)["outbox"]
        assert (outbox["unsent"], outbox["due"], outbox["failing"]) == (3, 2, 2)
        assert outbox["oldest_due_at"] is not None

    def test_queue_and_dead_letters_are_asked(self, pipeline: Pipeline, operator: Client) -> None:
        purge_queue()
        pipeline.dead_letters.put("poison")
        take_dead_letters(queue=pipeline.dead_letters, clock=pipeline.clock, limit=10)
        found = overview(operator)
        assert found["queue"] == {"visible": 0, "in_flight": 0, "delayed": 0}
        assert found["dead_letters"]["kept"] == 1

    def test_a_worker_is_shown_with_what_it_holds(self, pipeline: Pipeline, operator: Client) -> None:
        video = pipeline.uploaded()
        pipeline.claim(video, worker_id="host-7")
        record_beat(worker_id="host-8")
        workers = {worker["worker_id"]: worker for worker in overview(operator)["workers"]}
        assert set(workers) == {"host-7", "host-8"}
        assert (workers["host-7"]["video_id"], workers["host-7"]["tenant_code"]) == (video.pk, "demo")
        assert workers["host-7"]["lease_until"] is not None
        assert (workers["host-8"]["job_id"], workers["host-8"]["lease_until"]) == (None, None)

    def test_tenants_come_by_their_backlog(self, pipeline: Pipeline, operator: Client) -> None:
        other = Pipeline(code="other", clock=SystemClock())
        pipeline.processing()
        for _ in range(3):
            other.uploaded()
        assert [
            (tenant["tenant_code"], tenant["queued"], tenant["running"]) for tenant in overview(operator)["tenants"]
        ] == [("other", 3, 0), ("demo", 0, 1)]

    def test_every_invariant_is_shown_with_what_was_done_last(self, pipeline: Pipeline, operator: Client) -> None:
        video = pipeline.processing()
        set_back(pipeline.job_of(video), seconds=1000, fields=["lease_until"])
        run_once(pipeline.world)
        shown = {row["code"]: row for row in overview(operator)["invariants"]}
        assert list(shown) == [invariant.code for invariant in INVARIANTS]
        counts = ("found", "repaired", "found_total", "repaired_total")
        assert [shown["V03"][name] for name in counts] == [1, 1, 1, 1]
        assert [shown["V04"][name] for name in counts] == [0, 0, 0, 0]
        assert shown["V04"]["ran_at"] is not None


class TestVideosBehindANumber:
    def look(self, operator: Client, place: str, **query: str) -> list[int | None]:
        answer = operator.get(f"{VIDEOS}ops/videos/", {"place": place, **query})
        assert answer.status_code == 200, answer.content
        return [row["video_id"] for row in answer.json()]

    def test_each_place_lists_what_the_overview_counts_for_all_tenants_or_one(
        self, pipeline: Pipeline, operator: Client
    ) -> None:
        other = Pipeline(code="other", clock=SystemClock())
        pending, running, waiting = pipeline.pending(), pipeline.processing(), pipeline.retry_wait()
        # Last: a claim takes whosever turn it is.
        ready, failed, queued = pipeline.ready(), pipeline.failed(), other.uploaded()
        set_back(ready, seconds=100_000, fields=["status_changed_at"])
        seen = {"pending": [pending], "queued": [queued], "running": [running], "retry_wait": [waiting]}
        seen |= {"processing": [running], "uploaded": [waiting, queued], "ready": [], "failed": [failed]}
        assert {place: self.look(operator, place) for place in seen} == {
            place: [video.pk for video in videos] for place, videos in seen.items()
        }
        assert self.look(operator, "uploaded", tenant="other") == [queued.pk]
        assert self.look(operator, "running", tenant="other") == []
        assert overview(operator)["jobs"] == {"QUEUED": 1, "RETRY_WAIT": 1, "RUNNING": 1}

    def test_a_number_and_its_list_agree_also_about_what_belongs_to_no_video(
        self, pipeline: Pipeline, operator: Client
    ) -> None:
        """Two messages for one job, one for none, and a letter that nobody can read."""
        video = pipeline.uploaded()
        late = timezone.now() - timedelta(seconds=9)
        OutboxMessage.objects.update(sent_at=None, last_error="refused", due_at=late)
        (message,) = OutboxMessage.objects.all()
        for subject in (message.subject, "elsewhere"):
            OutboxMessage.objects.create(queue_name="q", body="", subject=subject, created_at=late, due_at=late)
        pipeline.dead_letters.put("poison")
        take_dead_letters(queue=pipeline.dead_letters, clock=pipeline.clock, limit=10)
        DeadLetter.objects.update(state=LetterState.UNREADABLE)
        seen = overview(operator)
        assert seen["outbox"]["due"] == 3
        assert self.look(operator, "outbox_due") == [video.pk, video.pk, None]
        assert seen["outbox"]["failing"] == len(self.look(operator, "outbox_failing")) == 1
        assert seen["dead_letters"]["kept"] == 1
        (letter,) = operator.get(f"{VIDEOS}ops/videos/", {"place": "dead_letters"}).json()
        assert (letter["video_id"], letter["status"], letter["title"][:4]) == (None, None, "dlq ")

    def test_messages_and_dead_letters_lead_to_their_videos(self, pipeline: Pipeline, operator: Client) -> None:
        video = pipeline.uploaded()
        OutboxMessage.objects.update(sent_at=None, last_error="refused", due_at=timezone.now() - timedelta(seconds=9))
        assert self.look(operator, "outbox_due") == self.look(operator, "outbox_failing") == [video.pk]
        assert self.look(operator, "outbox_due", tenant=pipeline.tenant.code) == [video.pk]
        pipeline.dead_letters.put("poison")
        take_dead_letters(queue=pipeline.dead_letters, clock=pipeline.clock, limit=10)
        DeadLetter.objects.update(video_id=video.pk, tenant_id=pipeline.tenant.pk)
        assert self.look(operator, "dead_letters", tenant=pipeline.tenant.code) == [video.pk]

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"place": "nowhere"},
            {"place": "queued", "tenant": "no-such"},
            {"place": "queued", "tenant": "\0"},
        ],
    )
    def test_a_question_without_a_place_is_refused(self, operator: Client, query: dict[str, str]) -> None:
        assert operator.get(f"{VIDEOS}ops/videos/", query).status_code == 400


class TestReconcile:
    def test_a_dry_run_lists_and_changes_nothing(self, pipeline: Pipeline, operator: Client) -> None:
        video = pipeline.processing()
        set_back(pipeline.job_of(video), seconds=1000, fields=["lease_until"])
        with nothing_changes():
            answer = reconcile(operator, "V03")
        assert answer.status_code == 200
        assert answer.json()["applied"] is False
        assert [(row["invariant"], row["video_id"]) for row in answer.json()["findings"]] == [("V03", video.pk)]

    def test_applied_it_is_the_reconcilers_repair(self, pipeline: Pipeline, operator: Client) -> None:
        video = pipeline.processing()
        set_back(pipeline.job_of(video), seconds=1000, fields=["lease_until"])
        answer = reconcile(operator, "V03", apply=True)
        assert answer.json() == {
            "applied": True,
            "findings": [],
            "reports": [{"code": "V03", "found": 1, "repaired": 1}],
        }
        assert VideoTranscodeJob.objects.for_tenant(pipeline.tenant).get().state == "RETRY_WAIT"
        assert pipeline.events_of(video)[-1] == "job_lease_expired"

    @pytest.mark.parametrize("codes", [[], ["V99"], ["V03", "x"]])
    def test_an_invariant_that_is_none_is_refused(self, operator: Client, codes: list[str]) -> None:
        with nothing_changes():
            assert reconcile(operator, *codes, apply=True).status_code == 400
