"""To operators: how much gets through and how long it takes, a standstill included. To everybody else: nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.core.models import Membership, Role, User
from apps.support.video.models import VideoTranscodeJob
from apps.support.video.selectors.throughput import ThroughputWindow, throughput
from tests.support.videos import NOON, Pipeline

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/media/videos/ops/throughput/"


def finished(pipeline: Pipeline, *, minutes_ago: float, took_seconds: float) -> None:
    video = pipeline.ready()
    ended = NOON - timedelta(minutes=minutes_ago)
    jobs = VideoTranscodeJob.objects.for_tenant(pipeline.tenant).filter(video=video)
    jobs.update(finished_at=ended, created_at=ended - timedelta(seconds=took_seconds))


def test_each_step_counts_what_ended_in_it_and_knows_the_median(transactional_db: None) -> None:
    one, two = Pipeline(), Pipeline(code="other")
    finished(one, minutes_ago=1, took_seconds=10)
    finished(two, minutes_ago=2, took_seconds=30)
    finished(one, minutes_ago=4, took_seconds=90)
    finished(one, minutes_ago=7, took_seconds=5)
    finished(one, minutes_ago=61, took_seconds=5)
    one.failed()
    steps = throughput(window=ThroughputWindow.HOUR, now=NOON)
    assert len(steps) == 12
    assert [(step.finished_count, step.median_seconds) for step in steps[-2:]] == [(1, 5.0), (3, 30.0)]
    assert [(step.finished_count, step.median_seconds) for step in steps[:-2]] == [(0, None)] * 10
    assert steps[-1].starts_at == NOON - timedelta(minutes=5)


def test_the_day_goes_by_hours() -> None:
    pipeline = Pipeline()
    finished(pipeline, minutes_ago=61, took_seconds=5)
    finished(pipeline, minutes_ago=1440, took_seconds=7)
    finished(pipeline, minutes_ago=1441, took_seconds=7)
    steps = throughput(window=ThroughputWindow.DAY, now=NOON)
    assert [step.finished_count for step in steps] == [1, *[0] * 21, 1, 0]


@pytest.mark.parametrize(("is_staff", "status"), [(True, 200), (False, 403)])
@pytest.mark.parametrize("query", ["", "?window=day"])
def test_only_those_who_run_the_installation_see_it(client: Client, is_staff: bool, status: int, query: str) -> None:
    user = User.objects.create_user("someone", is_staff=is_staff)
    Membership.objects.create(user=user, tenant=Pipeline().tenant, role=Role.OWNER)
    client.force_login(user)
    answer: Any = client.get(ADDRESS + query)
    assert answer.status_code == status
    if is_staff:
        assert client.get(f"{ADDRESS}?window=year").status_code == 400
