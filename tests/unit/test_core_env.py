"""Promises to the operator: a bad configuration stops the start, and one start tells everything that is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apps.api.config.env import EnvironmentInvalid, read_environment

REPOSITORY = Path(__file__).resolve().parents[2]

GOOD = {
    "DATABASE_URL": "postgresql://academy:p%40ss@db.example:5433/academy?sslmode=require",
    "ACADEMY_SECRET_KEY": "k" * 32,
    "ACADEMY_PUBLIC_ORIGIN": "https://video.example.com/",
    "VIDEO_PLAYBACK_SECRET": "p" * 32,
    "S3_ACCESS_KEY_ID": "access",
    "S3_SECRET_ACCESS_KEY": "secret-of-storage",
}


def problems_of(**changes: str) -> tuple[str, ...]:
    with pytest.raises(EnvironmentInvalid) as caught:
        read_environment(GOOD | changes)
    return caught.value.problems


def test_the_required_settings_are_enough() -> None:
    environment = read_environment(GOOD)

    assert environment.database.host == "db.example"
    assert environment.database.port == "5433"
    assert environment.database.password == "p@ss"
    assert environment.database.options == {"sslmode": "require"}
    assert environment.web.public_origin == "https://video.example.com"
    assert environment.web.allowed_hosts == ["video.example.com"]
    assert environment.web.cors_origins == []
    assert environment.storage.public_endpoint_url is None
    assert environment.queue.queue_name == "academy-video-jobs"
    assert environment.upload.max_upload_bytes == 256 * 1024**3
    assert environment.transcode.max_attempts == 5
    assert Path(environment.transcode.ffprobe_bin).is_file()


def test_an_empty_environment_lists_every_required_setting() -> None:
    with pytest.raises(EnvironmentInvalid) as caught:
        read_environment({})

    assert {problem.split()[0] for problem in caught.value.problems} == set(GOOD)


def test_all_problems_are_reported_together() -> None:
    problems = problems_of(
        DATABASE_URL="mysql://x/y",
        ACADEMY_SECRET_KEY="short",
        ACADEMY_PUBLIC_ORIGIN="https://video.example.com/app",
        S3_ENDPOINT_URL="127.0.0.1:9000",
        VIDEO_LEASE_SECONDS="nan",
        VIDEO_MAX_ATTEMPTS="0",
        ACADEMY_LOG_FORMAT="xml",
        AWS_ACCESS_KEY_ID="alone",
    )

    assert sorted(problem.split()[0] for problem in problems) == [
        "ACADEMY_LOG_FORMAT",
        "ACADEMY_PUBLIC_ORIGIN",
        "ACADEMY_SECRET_KEY",
        "AWS_ACCESS_KEY_ID",
        "DATABASE_URL",
        "S3_ENDPOINT_URL",
        "VIDEO_LEASE_SECONDS",
        "VIDEO_MAX_ATTEMPTS",
    ]


def test_an_encoder_that_hangs_is_ended_before_its_job_is_lost() -> None:
    """Else the cause would be a worker that died, and not what hung."""
    (problem,) = problems_of(VIDEO_LEASE_SECONDS="60", VIDEO_STALL_SECONDS="60")
    assert problem.startswith("VIDEO_STALL_SECONDS must be below VIDEO_LEASE_SECONDS")
    assert read_environment({**GOOD, "VIDEO_LEASE_SECONDS": "20"}).transcode.stall_seconds == 15


def test_a_problem_never_repeats_a_secret() -> None:
    problems = problems_of(ACADEMY_SECRET_KEY="too-short-secret", DATABASE_URL="postgresql://u:hunter2@/")

    assert "too-short-secret" not in "".join(problems)
    assert "hunter2" not in "".join(problems)


@pytest.mark.parametrize("value", ["1.5", "-1", "five", "9" * 5000, "١"])
def test_a_whole_number_is_a_whole_number(value: str) -> None:
    assert problems_of(VIDEO_MAX_ATTEMPTS=value) == ("VIDEO_MAX_ATTEMPTS must be a whole number above zero",)


def test_a_database_url_without_a_database_is_refused() -> None:
    (problem,) = problems_of(DATABASE_URL="postgresql://u:p@127.0.0.1:5432")
    assert problem.startswith("DATABASE_URL names no database")


@pytest.mark.parametrize("arguments", [["manage.py", "check"], ["-c", "import apps.api.config.asgi"]])
def test_a_process_does_not_start_without_its_settings(arguments: list[str]) -> None:
    """To the operator: status 78 (EX_CONFIG), and the list of what to set."""
    environment = {name: value for name, value in os.environ.items() if name not in GOOD}
    environment.pop("DJANGO_SETTINGS_MODULE", None)

    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 78
    assert "6 problem(s)" in ended.stderr
    for name in GOOD:
        assert f"{name} is required" in ended.stderr
    assert "Traceback" not in ended.stderr
