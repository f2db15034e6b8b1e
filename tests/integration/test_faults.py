"""
To whoever uploads: whatever dies on the way, the video arrives, once.

Real processes of a whole installation are killed and frozen at the worst moments. The database is only looked at.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.clips import make_clip
from tests.support.stack import Stack
from tests.support.uploading import VIDEOS, StoredFile, complete, status_of, store_file
from tests.support.waiting import wait_until

READY_WITHIN_SECONDS = 120.0


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short clip and one that takes several seconds to encode."""
    folder = tmp_path_factory.mktemp("clips")
    make_clip(folder / "short.mp4", seconds=2)
    make_clip(folder / "long.mp4", seconds=16, width=1280, height=720)
    return folder


@pytest.fixture(scope="module")
def forgotten(stack: Stack, clips: Path) -> StoredFile:
    """An upload whose browser was closed after the last byte: nobody calls complete. Made before the other tests."""
    return store_file(stack.http, clips / "short.mp4", title="탭을 닫은 강의")


@pytest.fixture(autouse=True)
def whole_stack(stack: Stack, forgotten: StoredFile) -> Iterator[None]:
    """Every test starts with everything running, and leaves it so."""
    yield
    stack.resume("sqs")
    stack.resume("worker")
    stack.wait_until_healthy()


@pytest.fixture
def database(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(stack.report()["database_url"], autocommit=True) as connection:
        yield connection


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process in its tracks, as a network that answers nothing would, and let it go on."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def one(database: psycopg.Connection[Any], query: str, *params: object) -> Any:
    """Return the first column of the only row."""
    row = database.execute(query, params).fetchone()
    assert row is not None, query
    return row[0]


def becomes(stack: Stack, video_id: int, status: str) -> None:
    wait_until(
        lambda: status_of(stack.http, video_id) == status,
        timeout_seconds=READY_WITHIN_SECONDS,
        message=f"video {video_id} is {status}, not {status_of(stack.http, video_id)}",
    )


def assert_one_effect(database: psycopg.Connection[Any], video_id: int) -> None:
    """One job, one success, and what is visible is the successful attempt's output."""
    assert one(database, "SELECT count(*) FROM video_transcode_job WHERE video_id = %s", video_id) == 1
    succeeded = "SELECT count(*) FROM video_event WHERE video_id = %s AND name = 'job_succeeded'"
    assert one(database, succeeded, video_id) == 1
    visible = """
        SELECT video.published_prefix = format('tenants/%%s/video/hls/%%s/%%s-%%s/', video.tenant_id, video.id, job.id,
                                               (SELECT attempt FROM video_event event
                                                WHERE event.video_id = video.id AND name = 'job_succeeded'))
        FROM video JOIN video_transcode_job job ON job.video_id = video.id WHERE video.id = %s
    """
    assert one(database, visible, video_id) is True


def test_a_worker_killed_in_the_middle_of_an_encode_costs_nobody_a_click(
    stack: Stack, clips: Path, database: psycopg.Connection[Any]
) -> None:
    stored = store_file(stack.http, clips / "long.mp4", title="작업자가 죽은 강의")
    assert complete(stack.http, stored.video_id).status_code == 200
    progress = f"{VIDEOS}{stored.video_id}/progress/"
    wait_until(
        lambda: 10 < stack.http.get(progress).json()["percent"] < 90,
        timeout_seconds=60,
        message="the encode is in its middle",
    )

    stack.kill("worker-1")

    becomes(stack, stored.video_id, "READY")
    assert_one_effect(database, stored.video_id)
    job = "SELECT attempt_count FROM video_transcode_job WHERE video_id = %s"
    assert one(database, job, stored.video_id) == 2


def test_an_api_killed_between_commit_and_send_leaves_the_send_to_the_relay(
    stack: Stack, clips: Path, database: psycopg.Connection[Any]
) -> None:
    stored = store_file(stack.http, clips / "short.mp4", title="api가 죽은 강의")
    with frozen(stack.processes()["sqs"]):
        caller = threading.Thread(target=_complete_until_the_api_dies, args=(stack, stored.video_id))
        caller.start()
        unsent = """
            SELECT count(*) FROM outbox_message message JOIN video_transcode_job job ON message.subject = job.id::text
            WHERE job.video_id = %s AND message.sent_at IS NULL
        """
        wait_until(
            lambda: one(database, unsent, stored.video_id) == 1, timeout_seconds=20, message="committed, not sent"
        )
        killed = stack.kill("api")
        caller.join()
    stack.wait_restarted("api", killed)
    stack.wait_until_healthy()

    becomes(stack, stored.video_id, "READY")
    assert_one_effect(database, stored.video_id)


def test_a_queue_that_forgot_everything_is_told_again(
    stack: Stack, clips: Path, database: psycopg.Connection[Any]
) -> None:
    stack.pause("worker")
    stored = store_file(stack.http, clips / "short.mp4", title="큐가 잊은 강의")
    assert complete(stack.http, stored.video_id).status_code == 200

    killed = stack.kill("sqs")  # its memory is all that it has
    stack.wait_restarted("sqs", killed)
    stack.resume("worker")

    becomes(stack, stored.video_id, "READY")
    assert_one_effect(database, stored.video_id)


def test_a_relay_killed_between_send_and_mark_sends_twice_and_has_one_effect(
    stack: Stack, clips: Path, database: psycopg.Connection[Any]
) -> None:
    stack.pause("worker")
    stored = store_file(stack.http, clips / "short.mp4", title="relay가 죽은 강의")
    with psycopg.connect(stack.report()["database_url"]) as lock:
        with frozen(stack.processes()["sqs"]):
            assert complete(stack.http, stored.video_id).status_code == 503
            message_id = one(
                database,
                "SELECT m.id FROM outbox_message m JOIN video_transcode_job j ON m.subject = j.id::text"
                " WHERE j.video_id = %s",
                stored.video_id,
            )
            tried = "SELECT attempt_count FROM outbox_message WHERE id = %s"
            wait_until(lambda: one(database, tried, message_id) >= 2, timeout_seconds=30, message="the relay sends")
            lock.execute("SELECT 1 FROM outbox_message WHERE id = %s FOR UPDATE", [message_id])
        waiting = """
            SELECT coalesce(max(pid), 0) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND query LIKE '%%UPDATE outbox_message SET sent_at%%'
        """
        marking = wait_until(lambda: one(database, waiting), timeout_seconds=30, message="sent, about to be marked")
        killed = stack.kill("relay")
        # The server would finish the dead client's statement once it gets the lock.
        database.execute("SELECT pg_terminate_backend(%s)", [marking])
        alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
        wait_until(lambda: one(database, alive, marking) == 0, timeout_seconds=10, message="the statement is gone")
    stack.wait_restarted("relay", killed)
    assert one(database, "SELECT sent_at IS NULL FROM outbox_message WHERE id = %s", message_id) is True
    stack.resume("worker")

    becomes(stack, stored.video_id, "READY")
    sent = "SELECT sent_at IS NOT NULL FROM outbox_message WHERE id = %s"
    wait_until(lambda: one(database, sent, message_id), timeout_seconds=60, message="the next relay marks it")
    assert_one_effect(database, stored.video_id)


def test_two_completes_at_the_same_moment_make_one_job(
    stack: Stack, clips: Path, database: psycopg.Connection[Any]
) -> None:
    stored = store_file(stack.http, clips / "short.mp4", title="두 번 완료한 강의")
    with ThreadPoolExecutor(max_workers=2) as callers:
        answers = list(callers.map(lambda _: complete(stack.http, stored.video_id), range(2)))

    assert 200 in {answer.status_code for answer in answers}
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    becomes(stack, stored.video_id, "READY")
    assert_one_effect(database, stored.video_id)


def test_a_file_that_is_cut_off_fails_with_its_cause(
    stack: Stack, clips: Path, tmp_path: Path, database: psycopg.Connection[Any]
) -> None:
    whole = (clips / "long.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 3])
    stored = store_file(stack.http, cut, title="잘린 강의")
    assert complete(stack.http, stored.video_id).status_code in {200, 422}

    becomes(stack, stored.video_id, "FAILED")
    why = stack.http.get(f"{VIDEOS}{stored.video_id}/why/").json()
    assert (why["cause_code"], why["fault"]) == ("INPUT_TRUNCATED", "yours")


def test_an_upload_whose_browser_was_closed_is_completed_for_it(
    stack: Stack, forgotten: StoredFile, database: psycopg.Connection[Any]
) -> None:
    becomes(stack, forgotten.video_id, "READY")
    completed = "SELECT actor FROM video_event WHERE video_id = %s AND name = 'upload_completed'"
    assert one(database, completed, forgotten.video_id) == "reconciler"
    assert_one_effect(database, forgotten.video_id)


def _complete_until_the_api_dies(stack: Stack, video_id: int) -> None:
    try:
        complete(stack.http, video_id)
    except httpx.TransportError:
        return
