"""To operators and scripts: `manage.py video` says the same to both, changes nothing unasked, and exits honestly."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from apps.support.outbox.models import OutboxMessage
from apps.support.video.domain.lifecycle import JobState
from apps.support.video.models import VideoTranscodeJob
from tests.support.videos import STATES, Pipeline, all_rows, set_back

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("s3_engine", "sqs_engine")]

WHY_FIELDS = {
    "video_id",
    "status",
    "cause_code",
    "inner_cause_code",
    "severity",
    "verdict",
    "operator",
    "fault",
    "acts",
    "holder",
    "since",
    "position_in_line",
    "next_step",
    "next_step_at",
    "allowed_actions",
    "evidence",
}


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON document."""
    with pytest.raises(SystemExit) as ended:
        call_command("video", *arguments, "--json")
    printed = capsys.readouterr().out.splitlines()
    start = printed.index("{")
    document: dict[str, Any] = json.loads("\n".join(printed[start:]))
    code = ended.value.code
    assert isinstance(code, int)
    assert document["exit_code"] == code
    return code, document


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_why(state: str, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    video = pipeline.in_state(state)
    before = all_rows()

    code, document = run(capsys, "why", str(video.pk), "--language", "en")

    (row,) = document["rows"]
    assert set(row) == WHY_FIELDS
    assert row["status"] == video.status
    assert (code == 0) is (row["severity"] in {"ok", "waiting"})
    assert row["evidence"]
    assert all_rows() == before


def test_what_is_not_there_is_a_usage_error(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("video", "why", "999999")
    assert ended.value.code == 2
    assert "there is no video 999999" in capsys.readouterr().err


def test_an_unknown_invariant_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("video", "findings", "--only", "V99")
    assert ended.value.code == 2


def test_retry_without_apply_changes_nothing(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    video = pipeline.dead()
    before = all_rows()
    code, document = run(capsys, "retry", str(video.pk))
    assert (code, document["rows"][0]["applied"], document["rows"][0]["allowed"]) == (0, False, True)
    assert all_rows() == before


def test_retry_with_apply_starts_a_job(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    video = pipeline.dead()
    code, document = run(capsys, "retry", str(video.pk), "--apply")
    assert code == 0
    assert document["rows"][0]["job_id"] == str(pipeline.job_of(video).pk)
    assert pipeline.job_of(video).state == JobState.QUEUED


def test_a_refused_write_is_a_usage_error_and_changes_nothing(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    video = pipeline.pending()
    before = all_rows()
    with pytest.raises(SystemExit) as ended:
        call_command("video", "cancel", str(video.pk), "--apply")
    assert ended.value.code == 2
    assert all_rows() == before


def test_findings_are_listed_and_repaired_only_when_asked(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    video = pipeline.processing()
    set_back(pipeline.job_of(video), seconds=10_000_000, fields=["lease_until"])

    code, document = run(capsys, "reconcile", "--only", "V03")
    assert code == 1
    assert [row["video_id"] for row in document["rows"]] == [video.pk]
    assert pipeline.job_of(video).state == JobState.RUNNING

    code, document = run(capsys, "reconcile", "--only", "V03", "--apply")
    assert (code, document["rows"]) == (0, [{"invariant": "V03", "found": 1, "repaired": 1}])
    assert pipeline.job_of(video).state == JobState.RETRY_WAIT
    assert run(capsys, "findings", "--only", "V03")[0] == 0


def test_the_outbox_tells_what_is_late(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    video = pipeline.uploaded()
    OutboxMessage.objects.update(sent_at=None, last_error="refused")
    code, document = run(capsys, "outbox")
    assert code == 1
    assert [row["subject"] for row in document["rows"]] == [str(pipeline.job_of(video).pk)]
    OutboxMessage.objects.all().delete()
    assert run(capsys, "outbox") == (0, {"rows": [], "exit_code": 0})


def test_a_queue_that_is_away_does_not_keep_why_from_answering(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], settings: Settings, rewire: Callable[[], None]
) -> None:
    video = pipeline.uploaded()
    # Nobody listens there.
    settings.SQS_ENDPOINT_URL = "http://127.0.0.1:1"
    rewire()
    _code, document = run(capsys, "why", str(video.pk))
    assert document["rows"][0]["cause_code"].startswith(("QUEUE_", "ENQUEUE_"))
    assert VideoTranscodeJob.objects.for_tenant(pipeline.tenant).count() == 1
