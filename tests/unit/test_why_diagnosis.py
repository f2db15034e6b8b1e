"""To whoever asks "why is my video not ready?": every state and cause has its answer, and it is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.support.video.domain.cause_texts import CAUSE_TEXTS, NEXT_STEP_TEXTS, OPERATOR_TEXTS
from apps.support.video.domain.causes import CAUSES, Acts, Cause, Fault, Verdict, known_cause
from apps.support.video.domain.diagnosis import (
    JobSeen,
    LineSeen,
    MessageSeen,
    NextStep,
    Situation,
    StorageAnswer,
    UploadSeen,
    diagnose,
)
from apps.support.video.domain.lifecycle import JobState, UploadState
from apps.support.video.management.cli.causes import reference_page

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
REPOSITORY = Path(__file__).resolve().parents[2]


def ago(**duration: float) -> datetime:
    return NOW - timedelta(**duration)


def ahead(**duration: float) -> datetime:
    return NOW + timedelta(**duration)


UPLOAD = UploadSeen(
    state=UploadState.PENDING,
    created_at=ago(minutes=5),
    deadline_at=ahead(hours=23),
    url_expires_at=ahead(minutes=55),
    declared_bytes=1000,
    next_check_at=ahead(seconds=30),
    storage=StorageAnswer.MISSING,
)
ACCEPTED = replace(UPLOAD, state=UploadState.ACCEPTED, storage=StorageAnswer.NOT_ASKED)
JOB = JobSeen(
    state=JobState.QUEUED,
    since=ago(seconds=30),
    attempt=0,
    loss_count=0,
    worker_id="",
    lease_until=None,
    next_attempt_at=None,
    progress_at=None,
    remaining_seconds=None,
    cause_code="",
)
RUNNING = replace(
    JOB,
    state=JobState.RUNNING,
    attempt=1,
    worker_id="host-7",
    lease_until=ahead(seconds=40),
    progress_at=ago(seconds=1),
    remaining_seconds=90.0,
)
MESSAGE = MessageSeen(created_at=ago(seconds=30), due_at=ago(seconds=30), sent_at=ago(seconds=29), last_error="")
LINE = LineSeen(
    position=3, queue_is_empty=False, last_worker_seen_at=ago(seconds=5), tenant_running=0, tenant_limit=None
)
WAITING = Situation(
    now=NOW,
    is_published=False,
    is_deleted=False,
    since=ago(minutes=5),
    failure_code="",
    upload=UPLOAD,
    job=None,
    message=None,
    line=LINE,
    dead_lettered_at=None,
    redelivery_window=timedelta(minutes=5),
    stall_after=timedelta(minutes=2),
)
QUEUED = replace(WAITING, upload=ACCEPTED, job=JOB, message=MESSAGE)
ENCODING = replace(QUEUED, job=RUNNING)

Case = tuple[str, Situation, Cause, str, NextStep]


def pending(**changes: object) -> Situation:
    return replace(WAITING, upload=replace(UPLOAD, **changes))  # type: ignore[arg-type]


def queued(*, line: dict[str, object] | None = None, message: MessageSeen | None = MESSAGE) -> Situation:
    return replace(QUEUED, line=replace(LINE, **(line or {})), message=message)  # type: ignore[arg-type]


def running(**changes: object) -> Situation:
    return replace(QUEUED, job=replace(RUNNING, **changes))  # type: ignore[arg-type]


CASES: list[Case] = [
    ("waiting for the file", WAITING, Cause.UPLOAD_WAITING, "uploader", NextStep.UPLOAD_THE_FILE),
    (
        "URL over, nothing came",
        pending(url_expires_at=ago(minutes=1)),
        Cause.UPLOAD_ABANDONED,
        "uploader",
        NextStep.NEW_UPLOAD,
    ),
    (
        "deadline over",
        pending(state=UploadState.EXPIRED, deadline_at=ago(hours=1)),
        Cause.UPLOAD_ABANDONED,
        "uploader",
        NextStep.NEW_UPLOAD,
    ),
    (
        "some parts came",
        pending(parts_stored=3, parts_planned=8),
        Cause.UPLOAD_PARTS_MISSING,
        "uploader",
        NextStep.UPLOAD_THE_FILE,
    ),
    (
        "all parts came",
        pending(parts_stored=8, parts_planned=8),
        Cause.UPLOAD_COMPLETE_NOT_CALLED,
        "reconciler",
        NextStep.RECONCILER_COMPLETES,
    ),
    (
        "upload_complete is not called",
        pending(storage=StorageAnswer.PRESENT, stored_bytes=1000),
        Cause.UPLOAD_COMPLETE_NOT_CALLED,
        "reconciler",
        NextStep.RECONCILER_COMPLETES,
    ),
    (
        "a late object of an expired upload",
        pending(state=UploadState.EXPIRED, storage=StorageAnswer.PRESENT, stored_bytes=1000),
        Cause.UPLOAD_COMPLETE_NOT_CALLED,
        "reconciler",
        NextStep.RECONCILER_COMPLETES,
    ),
    (
        "an empty object",
        pending(storage=StorageAnswer.PRESENT, stored_bytes=0),
        Cause.UPLOAD_EMPTY,
        "uploader",
        NextStep.UPLOAD_THE_FILE,
    ),
    (
        "another size",
        pending(storage=StorageAnswer.PRESENT, stored_bytes=999),
        Cause.UPLOAD_SIZE_MISMATCH,
        "uploader",
        NextStep.UPLOAD_THE_FILE,
    ),
    (
        "another file",
        pending(storage=StorageAnswer.PRESENT, stored_bytes=1000, is_another_file=True),
        Cause.UPLOAD_CHECKSUM_MISMATCH,
        "uploader",
        NextStep.UPLOAD_THE_FILE,
    ),
    (
        "storage is away",
        pending(storage=StorageAnswer.UNAVAILABLE),
        Cause.STORAGE_UNAVAILABLE,
        "storage",
        NextStep.OPERATOR_LOOKS,
    ),
    (
        "storage wants fewer requests",
        pending(storage=StorageAnswer.THROTTLED),
        Cause.STORAGE_THROTTLED,
        "storage",
        NextStep.RECONCILER_COMPLETES,
    ),
    (
        "storage refuses us",
        pending(storage=StorageAnswer.DENIED),
        Cause.STORAGE_DENIED,
        "storage",
        NextStep.OPERATOR_LOOKS,
    ),
    (
        "accepted without a job",
        replace(QUEUED, job=None),
        Cause.STATE_DRIFT,
        "reconciler",
        NextStep.OPERATOR_LOOKS,
    ),
    (
        "succeeded but not published",
        replace(QUEUED, job=replace(JOB, state=JobState.SUCCEEDED)),
        Cause.STATE_DRIFT,
        "reconciler",
        NextStep.OPERATOR_LOOKS,
    ),
    (
        "just enqueued",
        queued(message=replace(MESSAGE, created_at=ago(seconds=2), sent_at=None)),
        Cause.ENQUEUE_PENDING,
        "outbox",
        NextStep.RELAY_SENDS,
    ),
    (
        "create_job_and_enqueue fails",
        queued(message=replace(MESSAGE, created_at=ago(seconds=61), sent_at=None, last_error="refused")),
        Cause.ENQUEUE_FAILING,
        "outbox",
        NextStep.RELAY_SENDS,
    ),
    ("no message at all", queued(message=None), Cause.QUEUE_MESSAGE_LOST, "reconciler", NextStep.RECONCILER_RESENDS),
    (
        "sent, but the queue is empty",
        queued(line={"queue_is_empty": True}),
        Cause.QUEUE_MESSAGE_LOST,
        "reconciler",
        NextStep.RECONCILER_RESENDS,
    ),
    (
        "sent a moment ago to a queue that looks empty",
        queued(message=replace(MESSAGE, sent_at=ago(seconds=1)), line={"queue_is_empty": True}),
        Cause.QUEUE_WAITING,
        "queue",
        NextStep.WORKER_CLAIMS,
    ),
    ("in line", queued(), Cause.QUEUE_WAITING, "queue", NextStep.WORKER_CLAIMS),
    (
        "no worker lives",
        queued(line={"last_worker_seen_at": ago(minutes=3)}),
        Cause.QUEUE_NO_CONSUMER,
        "queue",
        NextStep.OPERATOR_LOOKS,
    ),
    (
        "no worker ever lived",
        queued(line={"last_worker_seen_at": None}),
        Cause.QUEUE_NO_CONSUMER,
        "queue",
        NextStep.OPERATOR_LOOKS,
    ),
    *(
        (
            f"the tenant's slots are taken, {what}",
            queued(line={"tenant_running": 2, "tenant_limit": 2, "queue_is_empty": True}, message=message),
            Cause.QUEUE_TENANT_CAPPED,
            "queue",
            NextStep.WORKER_CLAIMS,
        )
        for what, message in {
            "and its message is gone": MESSAGE,
            "and there never was one": None,
            "and none can be sent": replace(MESSAGE, created_at=ago(seconds=61), sent_at=None, last_error="refused"),
        }.items()
    ),
    (
        "the tenant's slots are taken by workers that have died",
        queued(line={"tenant_running": 2, "tenant_limit": 2, "last_worker_seen_at": ago(minutes=3)}),
        Cause.QUEUE_NO_CONSUMER,
        "queue",
        NextStep.OPERATOR_LOOKS,
    ),
    ("encoding", ENCODING, Cause.ENCODING, "worker:host-7", NextStep.WORKER_FINISHES),
    (
        "the lease ran out",
        running(lease_until=ago(seconds=1)),
        Cause.WORKER_LOST,
        "worker:host-7",
        NextStep.RECONCILER_TAKES_BACK,
    ),
    (
        "the lease lives but nothing moves",
        running(progress_at=ago(minutes=3)),
        Cause.ENCODER_STALLED,
        "worker:host-7",
        NextStep.RECONCILER_TAKES_BACK,
    ),
    (
        "cancelled",
        replace(QUEUED, job=replace(JOB, state=JobState.CANCELLED, cause_code="CANCELLED")),
        Cause.CANCELLED,
        "nobody",
        NextStep.PRESS_RETRY,
    ),
    (
        "three workers died on it",
        replace(QUEUED, job=replace(JOB, state=JobState.DEAD, loss_count=3, cause_code="WORKER_LOST")),
        Cause.POISON_WORKER_CRASH,
        "nobody",
        NextStep.PRESS_RETRY,
    ),
    (
        "the last of several failures was a worker that died",
        replace(QUEUED, job=replace(JOB, state=JobState.DEAD, loss_count=2, cause_code="WORKER_LOST")),
        Cause.WORKER_LOST,
        "nobody",
        NextStep.PRESS_RETRY,
    ),
    (
        "the queue gave up on its message",
        replace(QUEUED, dead_lettered_at=ago(seconds=20)),
        Cause.DLQ_EXHAUSTED,
        "queue",
        NextStep.WORKER_CLAIMS,
    ),
    (
        "published, and some of it is gone for good",
        replace(ENCODING, is_published=True, job=None, failure_code="PLAYBACK_OBJECT_MISSING"),
        Cause.PLAYBACK_OBJECT_MISSING,
        "nobody",
        NextStep.NEW_UPLOAD,
    ),
    (
        "published, some of it is gone, and it is encoded again",
        replace(ENCODING, is_published=True, failure_code="PLAYBACK_OBJECT_MISSING"),
        Cause.PLAYBACK_OBJECT_MISSING,
        "worker",
        NextStep.WORKER_FINISHES,
    ),
    ("published", replace(ENCODING, is_published=True), Cause.READY, "nobody", NextStep.NOTHING),
    ("deleted", replace(ENCODING, is_deleted=True), Cause.DELETED, "nobody", NextStep.NOTHING),
]

# What an attempt may end with: each is met while waiting for a retry, and as a final end.
ATTEMPT_CAUSES = [
    cause
    for cause in Cause
    if cause.name.startswith(("INPUT_", "ENCODE", "OUTPUT_", "WORKER_", "PROBE_", "SOURCE_", "STORAGE_", "UPLOAD_OVER"))
    and cause is not Cause.ENCODING
] + [Cause.INTERNAL_BUG]


@pytest.mark.parametrize(
    ("situation", "cause", "holder", "step"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_each_situation_has_its_answer(situation: Situation, cause: Cause, holder: str, step: NextStep) -> None:
    answer = diagnose(situation)
    assert (answer.cause, answer.holder, answer.next_step) == (cause, holder, step)
    assert answer.since <= NOW


@pytest.mark.parametrize("cause", [*ATTEMPT_CAUSES, Cause.CLAIM_HELD])
def test_a_retry_says_what_went_wrong_and_when_it_starts(cause: Cause) -> None:
    job = replace(JOB, state=JobState.RETRY_WAIT, cause_code=cause, next_attempt_at=ahead(seconds=20))
    answer = diagnose(replace(QUEUED, job=job))
    assert (answer.cause, answer.next_step, answer.next_step_at) == (cause, NextStep.RETRY_STARTS, ahead(seconds=20))


def overdue(*, message: MessageSeen | None = MESSAGE, **line: object) -> Situation:
    """A job that was handed back two days ago, its message sent soon after."""
    job = replace(
        JOB, state=JobState.RETRY_WAIT, cause_code="WORKER_SHUTDOWN", since=ago(days=2), next_attempt_at=ago(days=2)
    )
    return replace(queued(line=line, message=message), job=job)


UNSENT = replace(MESSAGE, created_at=ago(days=2), sent_at=None)


@pytest.mark.parametrize(
    ("situation", "cause", "step"),
    [
        (overdue(last_worker_seen_at=ago(days=1)), Cause.QUEUE_NO_CONSUMER, NextStep.OPERATOR_LOOKS),
        (overdue(message=UNSENT), Cause.ENQUEUE_FAILING, NextStep.RELAY_SENDS),
        (overdue(tenant_running=2, tenant_limit=2), Cause.QUEUE_TENANT_CAPPED, NextStep.WORKER_CLAIMS),
        (overdue(message=None), Cause.QUEUE_MESSAGE_LOST, NextStep.RECONCILER_RESENDS),
        (overdue(), Cause.QUEUE_WAITING, NextStep.WORKER_CLAIMS),
    ],
    ids=lambda value: value.value if isinstance(value, Cause) else "",
)
def test_a_retry_that_is_due_waits_in_line_like_any_other(situation: Situation, cause: Cause, step: NextStep) -> None:
    """To whoever waits for days: not that it goes on by itself, but what it waits for, and after what."""
    answer = diagnose(situation)
    assert (answer.cause, answer.next_step, answer.inner_cause) == (cause, step, Cause.WORKER_SHUTDOWN)
    behind = diagnose(replace(situation, dead_lettered_at=ago(days=1)))
    assert (behind.cause, behind.inner_cause) == (Cause.DLQ_EXHAUSTED, Cause.WORKER_SHUTDOWN)


def test_a_retry_that_has_just_come_due_is_not_called_failing() -> None:
    """Its message was written when the attempt ended, a long backoff ago."""
    job = replace(JOB, state=JobState.RETRY_WAIT, cause_code="ENCODER_CRASH", next_attempt_at=ago(seconds=5))
    message = replace(MESSAGE, created_at=ago(minutes=15), due_at=ago(seconds=5), sent_at=None)
    answer = diagnose(replace(QUEUED, job=job, message=message))
    assert (answer.cause, answer.next_step, answer.next_step_at) == (Cause.ENCODER_CRASH, NextStep.RETRY_STARTS, NOW)


@pytest.mark.parametrize("cause", ATTEMPT_CAUSES)
@pytest.mark.parametrize("state", [JobState.FAILED, JobState.DEAD])
def test_a_final_failure_keeps_its_cause_and_offers_what_can_help(state: JobState, cause: Cause) -> None:
    answer = diagnose(replace(QUEUED, job=replace(JOB, state=state, cause_code=cause)))
    assert (answer.cause, answer.verdict) == (cause, Verdict.FAILED)
    needs_the_file = CAUSES[cause].fault is Fault.YOURS or cause is Cause.SOURCE_GONE
    helps = NextStep.NEW_UPLOAD if needs_the_file else NextStep.PRESS_RETRY
    assert answer.next_step is helps


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.name.startswith("INPUT_")])
def test_a_refused_upload_names_the_files_fault(cause: Cause) -> None:
    refused = replace(WAITING, upload=replace(UPLOAD, state=UploadState.REFUSED), failure_code=cause.value)
    answer = diagnose(refused)
    assert (answer.cause, answer.verdict, answer.next_step) == (cause, Verdict.FAILED, NextStep.NEW_UPLOAD)


def test_every_cause_of_the_catalogue_is_reached() -> None:
    """To the catalogue's readers: nothing in it is dead."""
    assert {case[2] for case in CASES} | {*ATTEMPT_CAUSES, Cause.CLAIM_HELD} == set(Cause)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RETRY_WAIT])
def test_what_lies_behind_a_dead_letter_is_told_too(state: JobState) -> None:
    job = replace(JOB, state=state, cause_code="ENCODER_OOM", next_attempt_at=ahead(seconds=5))
    plain = diagnose(replace(QUEUED, job=job))
    answer = diagnose(replace(QUEUED, job=job, dead_lettered_at=ago(seconds=20)))
    assert (answer.cause, answer.inner_cause, answer.since) == (Cause.DLQ_EXHAUSTED, plain.cause, ago(seconds=20))
    assert (answer.next_step, answer.next_step_at) == (plain.next_step, plain.next_step_at)


def test_an_uncatalogued_cause_reads_as_our_bug() -> None:
    assert known_cause("SOMETHING_ELSE") is Cause.INTERNAL_BUG


def test_an_encode_tells_when_it_will_be_done() -> None:
    assert diagnose(ENCODING).next_step_at == ahead(seconds=90)


def test_who_waits_in_line_knows_the_place() -> None:
    assert diagnose(queued()).position_in_line == 3


@pytest.mark.parametrize("table", [CAUSES, CAUSE_TEXTS, OPERATOR_TEXTS], ids=["entries", "uploader", "operator"])
def test_no_table_has_a_gap(table: dict[Cause, object]) -> None:
    assert set(table) == set(Cause)


@pytest.mark.parametrize("table", [CAUSE_TEXTS, OPERATOR_TEXTS, NEXT_STEP_TEXTS], ids=["uploader", "operator", "steps"])
def test_every_text_stands_in_both_languages(table: dict[object, dict[str, object]]) -> None:
    hangul: Callable[[object], bool] = lambda text: bool(re.search("[가-힣]", str(text)))  # noqa: E731
    assert set(NEXT_STEP_TEXTS) == set(NextStep)
    for texts in table.values():
        assert set(texts) == {"ko", "en"}
        assert (hangul(texts["ko"]), hangul(texts["en"])) == (True, False)


def test_uploaders_are_not_told_internals() -> None:
    internals = re.compile(r"SQS|outbox|lease|ffmpeg|V\d\d|PostgreSQL|worker", re.IGNORECASE)
    for texts in CAUSE_TEXTS.values():
        assert not internals.search(" ".join([*texts["ko"], *texts["en"]]))


def test_what_goes_on_by_itself_asks_nobody_to_act() -> None:
    for cause, entry in CAUSES.items():
        if entry.acts is Acts.NOBODY:
            assert entry.verdict is not Verdict.FAILED, cause


def test_the_reference_page_equals_the_code() -> None:
    assert (REPOSITORY / "docs/reference/causes.md").read_text(encoding="utf-8") == reference_page()
