"""
The original report's acceptance test: after `complete` has answered, the message is in the queue, and the log says so.

It goes through the installation from outside, with HTTP and Amazon's own command. Workers are paused while the queue is
looked at, so that no message is gone before it was counted. `make acceptance` shows what each step printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import make_clip
from tests.support.stack import Stack
from tests.support.uploading import complete, status_of, store_file
from tests.support.waiting import wait_until

QUEUE_NAME = "academy-video-jobs"
ENCODE_TIMEOUT_SECONDS = 120.0
LOGGING_PROCESSES = ("api", "relay")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "강의 1.mp4")


@pytest.fixture
def paused_stack(stack: Stack) -> Iterator[Stack]:
    """The installation with its workers paused; afterwards everything runs again."""
    stack.pause("worker")
    yield stack
    stack.resume("sqs")
    stack.resume("worker")


def aws(stack: Stack, service: str, *arguments: str) -> str:
    """Run Amazon's command against the embedded server, and show both the command and its answer."""
    report = stack.report()
    endpoint = report[f"{'s3' if service == 's3' else 'sqs'}_endpoint"]
    words = ["aws", "--endpoint-url", endpoint, service, *arguments]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("aws")), *words[1:]],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": report["s3_access_key"],
            "AWS_SECRET_ACCESS_KEY": report["s3_secret_key"],
            "AWS_DEFAULT_REGION": report["sqs_region"],
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PAGER": "",
        },
    )
    tell(f"$ {' '.join(words)}", done.stdout.rstrip())
    assert done.returncode == 0, done.stderr
    return done.stdout


def tell(*lines: str) -> None:
    print("\n" + "\n".join(lines))


def waiting_messages(stack: Stack) -> int:
    answer = json.loads(
        aws(
            stack,
            "sqs",
            "get-queue-attributes",
            *("--queue-url", stack.report()["queue_url"]),
            *("--attribute-names", "ApproximateNumberOfMessages"),
        )
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def log_line(stack: Stack, message: str, video_id: int) -> dict[str, Any]:
    """Wait for the log line with this message about this video, and show it."""

    def find() -> dict[str, Any] | None:
        for name in LOGGING_PROCESSES:
            for line in stack.log(name).splitlines():
                entry = json.loads(line) if line.startswith("{") else {}
                # The relay knows the job only, the others name the video.
                if entry.get("message") == message and entry.get("video_id", video_id) == video_id:
                    return {"process": name, **entry}
        return None

    entry = wait_until(find, timeout_seconds=10, message=f"the log line {message!r}")
    assert entry is not None
    entry.pop("exception", None)
    tell(f"var/log/{entry.pop('process')}.log:", json.dumps(entry, ensure_ascii=False))
    return entry


def becomes_ready(stack: Stack, video_id: int) -> None:
    wait_until(
        lambda: status_of(stack.http, video_id) == "READY",
        timeout_seconds=ENCODE_TIMEOUT_SECONDS,
        message=f"video {video_id} is READY",
    )
    tell(f"video {video_id}: READY")


def test_a_completed_upload_is_in_the_queue_when_complete_answers(paused_stack: Stack, clip: Path) -> None:
    stack = paused_stack
    before = waiting_messages(stack)
    stored = store_file(stack.http, clip, title="1강")
    answer = complete(stack.http, stored.video_id)
    tell(f"POST upload/complete/ -> {answer.status_code} {answer.text}")
    assert answer.status_code == 200
    assert answer.json()["enqueue"] == "sent"
    assert waiting_messages(stack) == before + 1 >= 1
    log_line(stack, f"Video {stored.video_id} enqueue to SQS {QUEUE_NAME}", stored.video_id)
    listing = aws(stack, "s3", "ls", f"s3://{stack.report()['bucket']}/{stored.file_key}")
    assert str(clip.stat().st_size) in listing
    assert status_of(stack.http, stored.video_id) == "UPLOADED"
    stack.resume("worker")
    becomes_ready(stack, stored.video_id)


def test_a_stopped_queue_is_said_logged_and_loses_nothing(paused_stack: Stack, clip: Path) -> None:
    stack = paused_stack
    stored = store_file(stack.http, clip, title="2강")
    stack.pause("sqs")
    answer = complete(stack.http, stored.video_id)
    tell(f"POST upload/complete/ with the queue stopped -> {answer.status_code} {answer.text}")
    assert answer.status_code == 503
    assert answer.json()["code"] == "VIDEO_UPLOAD_ENQUEUE_FAILED"
    assert "Retry-After" in answer.headers
    assert status_of(stack.http, stored.video_id) == "UPLOADED"
    for message in ("VIDEO_UPLOAD_ENQUEUE_FAILED", "enqueue_by_job exception", "Failed to enqueue video job"):
        log_line(stack, message, stored.video_id)
    stack.resume("sqs")
    stack.resume("worker")
    becomes_ready(stack, stored.video_id)
    log_line(stack, f"Video {stored.video_id} enqueue to SQS {QUEUE_NAME}", stored.video_id)
