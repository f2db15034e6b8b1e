"""To whoever puts this into production: the doctor tries what it speaks of, and each fault has its own fix."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from awscrt import checksums
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from apps.support.video import wiring
from apps.support.video.domain.checksums import ChecksumAlgorithm
from apps.support.video.management.doctor.storage import BODY, CHECKSUMS
from apps.support.video.models import WorkerBeat
from tests.support.queue import empty
from tests.support.stack import Stack

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("s3_engine", "sqs_engine")]

Rows = dict[str, dict[str, Any]]


@pytest.fixture
def provisioned() -> None:
    call_command("provision_video")
    # What other tests have left there is nothing that the doctor should be silent about.
    empty(django_settings.VIDEO_SQS_QUEUE_NAME, django_settings.VIDEO_SQS_DLQ_NAME)


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str], rewire: Callable[[], None]) -> Callable[..., tuple[int, Rows]]:
    def run(*parts: str) -> tuple[int, Rows]:
        rewire()
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            call_command("doctor", "--json", "--only", *parts)
        printed = capsys.readouterr().out
        document = json.loads(printed[printed.index('{\n  "rows"') :])
        assert document["exit_code"] == ended.value.code
        return document["exit_code"], {f"{row['subject']}: {row['name']}": row for row in document["rows"]}

    return run


def verdicts(rows: Rows) -> dict[str, str]:
    return {name: row["verdict"] for name, row in rows.items()}


def objects_of_the_doctor() -> list[str]:
    return [entry.key for entry in wiring.storage().list_objects("doctor/")]


@pytest.mark.usefixtures("provisioned")
def test_real_engines_are_healthy(examine: Callable[..., tuple[int, Rows]]) -> None:
    code, rows = examine("storage", "queue", "media")

    assert set(verdicts(rows).values()) == {"ok"}
    assert code == 0
    assert {"storage: overwriting", "storage: cors", "storage: checksum", "media: probe"} <= set(rows)
    assert rows["queue: round trip"]["sentence"].startswith("sent, received and deleted")
    assert objects_of_the_doctor() == []
    assert wiring.job_queue().depth(queue_name=django_settings.VIDEO_SQS_QUEUE_NAME).visible == 0


def test_a_whole_installation_is_healthy_and_its_public_address_checks_tokens(stack: Stack) -> None:
    done = stack.manage("doctor", "--json")

    rows = {f"{row['subject']}: {row['name']}": row["verdict"] for row in json.loads(done.stdout)["rows"]}
    assert {name: verdict for name, verdict in rows.items() if verdict in {"problem", "down"}} == {}
    assert rows["web: playback token"] == "ok"
    assert rows["database: durability"] == "ok"
    assert done.returncode == 0


def test_the_checksums_that_it_sends_are_right() -> None:
    def encoded(value: int, size_bytes: int) -> str:
        return base64.b64encode(value.to_bytes(size_bytes, "big")).decode()

    assert {
        ChecksumAlgorithm.CRC64NVME: encoded(checksums.crc64nvme(BODY), 8),
        ChecksumAlgorithm.CRC32: encoded(checksums.crc32(BODY), 4),
    } == CHECKSUMS


class TestDatabase:
    def test_a_server_that_may_lose_commits_is_found(self, examine: Callable[..., tuple[int, Rows]]) -> None:
        # The tests' own server trades durability for speed.
        code, rows = examine("database")

        assert code == 1
        assert [name for name, verdict in verdicts(rows).items() if verdict == "problem"] == ["database: durability"]
        assert rows["database: notifications"]["verdict"] == "ok"

    def test_a_database_that_is_away_is_down_with_its_address(
        self, examine: Callable[..., tuple[int, Rows]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        port = "1"
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        monkeypatch.setitem(connection.settings_dict, "PORT", port)
        try:
            code, rows = examine("database", "webhooks")
        finally:
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]

        assert code == 69
        assert "DATABASE_URL" in rows["database: answer"]["fix"]
        assert verdicts(rows)["webhooks: answer"] == "down"

    def test_a_role_that_may_not_write_is_named_with_the_grant(self, examine: Callable[..., tuple[int, Rows]]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE reader; GRANT USAGE ON SCHEMA public TO reader")
            cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; SET ROLE reader")
        try:
            code, rows = examine("database")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET ROLE; DROP OWNED BY reader; DROP ROLE reader")

        assert code == 1
        assert "INSERT on video" in rows["database: privileges"]["sentence"]
        assert rows["database: privileges"]["fix"].endswith("TO reader;")
        assert "database: too many privileges" not in rows

    def test_a_migration_that_is_missing_is_named(self, examine: Callable[..., tuple[int, Rows]]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'outbox' RETURNING name, applied")
            removed = cursor.fetchall()
        try:
            code, rows = examine("database")
        finally:
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO django_migrations (app, name, applied) VALUES ('outbox', %s, %s)", removed
                )

        assert code == 1
        assert f"outbox.{removed[0][0]}" in rows["database: migrations"]["sentence"]


class TestStorage:
    def test_a_bucket_without_our_origin_is_found_as_the_browser_would_find_it(
        self, examine: Callable[..., tuple[int, Rows]], provisioned: None, settings: Settings
    ) -> None:
        settings.ACADEMY_PUBLIC_ORIGIN = "https://video.moved.example"

        code, rows = examine("storage")

        assert code == 1
        assert {name for name, verdict in verdicts(rows).items() if verdict != "ok"} == {"storage: cors"}
        assert "https://video.moved.example" in rows["storage: cors"]["fix"]

    def test_wrong_credentials_are_a_problem_and_not_an_outage(
        self, examine: Callable[..., tuple[int, Rows]], settings: Settings
    ) -> None:
        settings.S3_SECRET_ACCESS_KEY = "wrong" * 8

        code, rows = examine("storage")

        assert code == 1
        assert "storage: permissions" in rows

    def test_storage_that_is_away_is_down(self, examine: Callable[..., tuple[int, Rows]], settings: Settings) -> None:
        settings.S3_ENDPOINT_URL = settings.S3_PUBLIC_ENDPOINT_URL = "http://127.0.0.1:1"

        code, rows = examine("storage")

        assert code == 69
        assert verdicts(rows) == {"storage: answer": "down"}


class TestQueue:
    @pytest.fixture
    def lonely_queue(self, settings: Settings) -> Iterator[str]:
        """A queue that gives up to nobody and forgets within a minute."""
        sqs = boto3.client("sqs", region_name=settings.SQS_REGION, endpoint_url=settings.SQS_ENDPOINT_URL)
        url = sqs.create_queue(QueueName="lonely", Attributes={"MessageRetentionPeriod": "60"})["QueueUrl"]
        settings.VIDEO_SQS_QUEUE_NAME = "lonely"
        yield url
        sqs.delete_queue(QueueUrl=url)

    @pytest.mark.usefixtures("lonely_queue")
    def test_a_queue_without_a_dlq_that_forgets_early_is_found(self, examine: Callable[..., tuple[int, Rows]]) -> None:
        code, rows = examine("queue")

        assert code == 1
        assert verdicts(rows)["queue: dlq"] == "problem"
        assert verdicts(rows)["queue: retention"] == "problem"
        assert "deadLetterTargetArn" in rows["queue: dlq"]["fix"]
        assert verdicts(rows)["queue: round trip"] == "ok"

    def test_the_jobs_that_wait_there_are_left_for_the_workers(
        self, examine: Callable[..., tuple[int, Rows]], lonely_queue: str
    ) -> None:
        queue = wiring.job_queue()
        for number in range(3):
            queue.send_message(queue_name="lonely", message=f"job {number}")

        examine("queue")

        received = queue.receive(queue_name="lonely", max_messages=10, wait_seconds=1, visibility_seconds=5)
        assert sorted(message.body for message in received) == ["job 0", "job 1", "job 2"]

    def test_a_queue_that_is_not_there_is_a_problem_and_not_an_outage(
        self, examine: Callable[..., tuple[int, Rows]], settings: Settings
    ) -> None:
        settings.VIDEO_SQS_QUEUE_NAME = "misspelt"

        code, rows = examine("queue")

        assert code == 1
        assert "VIDEO_SQS_QUEUE_NAME" in rows["queue: existence"]["fix"]

    def test_a_queue_service_that_is_away_is_down(
        self, examine: Callable[..., tuple[int, Rows]], settings: Settings
    ) -> None:
        settings.SQS_ENDPOINT_URL = "http://127.0.0.1:1"

        code, rows = examine("queue")

        assert code == 69
        assert verdicts(rows) == {"queue: answer": "down"}


class TestMedia:
    def test_an_ffmpeg_that_is_not_there_is_a_problem(
        self, examine: Callable[..., tuple[int, Rows]], settings: Settings
    ) -> None:
        settings.FFMPEG_BIN = "/nowhere/ffmpeg"

        code, rows = examine("media")

        assert code == 1
        assert "FFMPEG_BIN" in rows["media: ffmpeg"]["fix"]


def test_a_worker_that_is_faster_than_the_doctor_is_no_problem(
    examine: Callable[..., tuple[int, Rows]], sqs_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    WorkerBeat.objects.create(worker_id="w", started_at=now - timedelta(hours=1), seen_at=now)
    monkeypatch.setattr("apps.support.video.management.doctor.queue.RECEIVE_WITHIN_SECONDS", 0.0)

    code, rows = examine("queue")

    assert code == 0
    assert "faster" in rows["queue: round trip"]["sentence"]
