"""To every academy: a neighbour's thousand videos delay yours by no more than one slot, and you are told your place."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from django.db import connection, models, transaction

from apps.support.outbox.models import OutboxMessage
from apps.support.video.domain.contracts import ClaimedJob
from apps.support.video.domain.errors import JobHeld, JobSettled, TenantFull
from apps.support.video.domain.lifecycle import JobState
from apps.support.video.models import Video, VideoTranscodeJob, VideoUpload
from apps.support.video.selectors.schedule import next_jobs_in_line, position_in_line
from tests.support.videos import Pipeline, messages_of
from tests.support.waiting import locks_are_waited_for, wait_until

pytestmark = pytest.mark.django_db

NO_LIMIT = 10_000

Row = TypeVar("Row", bound=models.Model)


@pytest.fixture
def big() -> Pipeline:
    return Pipeline(code="big")


@pytest.fixture
def small() -> Pipeline:
    return Pipeline(code="small")


def line_up(pipeline: Pipeline, *, count: int) -> Video:
    """Queue many videos of a tenant at once, all like the first, and return that."""
    first = pipeline.uploaded()
    upload, job = pipeline.upload_of(first), pipeline.job_of(first)
    videos = [copied(first, position=number, current_job=None) for number in range(2, count + 1)]
    Video.objects.bulk_create(videos)
    VideoUpload.objects.bulk_create(copied(upload, video=video, file_key=str(uuid4())) for video in videos)
    jobs = VideoTranscodeJob.objects.bulk_create(copied(job, id=uuid4(), video=video) for video in videos)
    for video, its_job in zip(videos, jobs, strict=True):
        video.current_job = its_job
    Video.objects.across_tenants().bulk_update(videos, ["current_job"])
    return first


def copied(row: Row, **changes: object) -> Row:
    """Return an unsaved copy of a row."""
    fields = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    new = type(row)(**{**fields, "id": None})
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def drain(pipeline: Pipeline, *, slots: int) -> list[UUID]:
    """Work the whole line off with so many workers, always woken by the same message. Return the jobs in turn."""
    running: deque[ClaimedJob] = deque()
    turns: list[UUID] = []
    first = Video.objects.for_tenant(pipeline.tenant).earliest("pk")
    while True:
        try:
            claim = pipeline.claim(first)
        except (JobHeld, JobSettled, TenantFull):
            if not running:
                return turns
            pipeline.publish(running.popleft())
            continue
        turns.append(claim.job_id)
        pipeline.fixed_clock.advance(seconds=1)
        running.append(claim)
        if len(running) == slots:
            pipeline.publish(running.popleft())


def test_a_thousand_videos_of_a_neighbour_delay_one_by_no_more_than_one_slot(big: Pipeline, small: Pipeline) -> None:
    first = line_up(big, count=1000)
    running = [big.claim(first) for _ in range(4)]
    video = small.uploaded()
    job = small.job_of(video)
    assert position_in_line(job, since=job.state_changed_at) == 1

    big.publish(running[0])
    claim = big.claim(first)  # the slot that is free now, woken by a message of the big one

    assert claim.job_id == small.job_of(video).pk


def test_tenants_take_turns_and_each_is_told_its_turn(big: Pipeline, small: Pipeline, settings: Any) -> None:
    settings.VIDEO_TENANT_RUNNING_LIMIT = NO_LIMIT
    line_up(big, count=12)
    small.fixed_clock.advance(seconds=1)
    line_up(small, count=4)
    jobs = VideoTranscodeJob.objects.across_tenants()
    told = {job.pk: position_in_line(job, since=job.state_changed_at) for job in jobs}

    turns = drain(big, slots=1)

    assert len(turns) == 16
    assert [turn for turn, job_id in enumerate(turns, start=1) if turn > told[job_id]] == []
    small_turns = [turn for turn, job_id in enumerate(turns, start=1) if job_id in set(_jobs_of(small))]
    assert small_turns == [2, 4, 6, 8]


def test_the_limit_delays_and_does_not_refuse(big: Pipeline, settings: Any) -> None:
    settings.VIDEO_TENANT_RUNNING_LIMIT = 2
    first = line_up(big, count=3)
    one, _two = big.claim(first), big.claim(first)
    third = VideoTranscodeJob.objects.for_tenant(big.tenant).get(state=JobState.QUEUED)

    with pytest.raises(TenantFull):
        big.claim(third.video)
    assert VideoTranscodeJob.objects.for_tenant(big.tenant).get(pk=third.pk).state == JobState.QUEUED
    sent_before = len(messages_of(third))

    big.publish(one)

    assert len(messages_of(third)) == sent_before + 1  # the freed slot wakes it up
    assert big.claim(third.video).job_id == third.pk


def test_a_cancelled_job_frees_its_slot_for_the_next(big: Pipeline, settings: Any) -> None:
    settings.VIDEO_TENANT_RUNNING_LIMIT = 1
    running = big.uploaded()
    big.claim(running)
    waiting = big.uploaded()
    with pytest.raises(TenantFull):
        big.claim(waiting)
    before = len(messages_of(big.job_of(waiting)))

    big.cancel(running)

    assert len(messages_of(big.job_of(waiting))) == before + 1


def test_a_message_that_served_a_neighbour_is_missed_by_nobody(big: Pipeline, small: Pipeline, settings: Any) -> None:
    """Its job is started by the neighbour's message, or, when there is no slot until then, by the slot."""
    settings.VIDEO_TENANT_RUNNING_LIMIT = 1
    running, waiting = big.uploaded(), big.uploaded()
    first = big.claim(running)
    neighbour = small.uploaded()
    assert big.claim(waiting).job_id == small.job_of(neighbour).pk
    with pytest.raises(TenantFull):
        small.claim(neighbour)
    before = len(messages_of(big.job_of(waiting)))

    big.publish(first)

    assert len(messages_of(big.job_of(waiting))) == before + 1


def test_a_slot_for_which_a_message_is_on_its_way_wakes_nobody_up(big: Pipeline, settings: Any) -> None:
    settings.VIDEO_TENANT_RUNNING_LIMIT = 2
    line_up(big, count=2)
    first = Video.objects.for_tenant(big.tenant).earliest("pk")
    one, _two = big.claim(first), big.claim(first)
    late = big.uploaded()
    before = OutboxMessage.objects.count()

    big.publish(one)

    assert OutboxMessage.objects.count() == before
    assert big.claim(late).job_id == big.job_of(late).pk


@pytest.mark.django_db(transaction=True)
def test_two_slots_that_are_freed_at_once_wake_two_jobs_up(big: Pipeline, settings: Any) -> None:
    settings.VIDEO_TENANT_RUNNING_LIMIT = 2
    first = line_up(big, count=4)
    running = [big.claim(first), big.claim(first)]
    waiting = VideoTranscodeJob.objects.for_tenant(big.tenant).filter(state=JobState.QUEUED)
    for job in waiting:
        with pytest.raises(TenantFull):
            big.claim(job.video)
    is_freed, is_waiting = Event(), Event()

    def free_slowly() -> None:
        with closing(connection), transaction.atomic():
            big.retry_later(running[0])
            is_freed.set()
            is_waiting.wait(timeout=10)

    def free() -> None:
        with closing(connection):
            is_freed.wait(timeout=10)
            big.retry_later(running[1])

    with ThreadPoolExecutor() as pool:
        ends = [pool.submit(free_slowly), pool.submit(free)]
        wait_until(locks_are_waited_for, timeout_seconds=10)
        is_waiting.set()
        for end in ends:
            end.result()

    assert [len(messages_of(job)) for job in waiting] == [1, 1]
    assert not waiting.exclude(capped_at=None).exists()


def test_a_full_tenant_does_not_hold_up_another(big: Pipeline, small: Pipeline, settings: Any) -> None:
    settings.VIDEO_TENANT_RUNNING_LIMIT = 1
    first = line_up(big, count=3)
    big.claim(first)
    video = small.uploaded()

    assert big.claim(first).job_id == small.job_of(video).pk


def test_the_message_of_a_settled_job_serves_whoever_waits(big: Pipeline) -> None:
    done, waiting = big.uploaded(), big.uploaded()
    message = big.message(done)
    big.publish(big.claim(done))

    assert big.claim(done).job_id == big.job_of(waiting).pk
    assert message.job_id == big.job_of(done).pk


def test_nothing_in_line_is_nobodys_turn() -> None:
    assert next_jobs_in_line(running_limit=NO_LIMIT) == []


def _jobs_of(pipeline: Pipeline) -> list[UUID]:
    return list(VideoTranscodeJob.objects.for_tenant(pipeline.tenant).values_list("pk", flat=True))
