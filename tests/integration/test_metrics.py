"""To whoever is on call: numbers say what was committed, and every process has its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import transaction
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from apps.support.video.domain.contracts import JobProgress
from apps.support.video.domain.lifecycle import EventName
from apps.support.video.recovery.gauges import LineGauges
from apps.support.video.recovery.invariants import RunningJobHasLease
from apps.support.video.recovery.reconciler import run_once
from apps.support.video.services.lifecycle import record_event
from apps.support.video.services.transcode import renew_lease
from tests.support.ports import metrics_port_of
from tests.support.queue import purge_queue
from tests.support.stack import Stack
from tests.support.videos import NOON, Pipeline

in_database = pytest.mark.django_db(transaction=True)
STEPS = ("queue_wait_seconds", "claim_to_ready_seconds", "time_to_playable_seconds", "enqueue_seconds")


def value_of(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"academy_video_{name}", labels) or 0.0


def read_gauges() -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("academy_video_"), *sample.labels.values()): sample.value
        for family in LineGauges().collect()
        for sample in family.samples
    }


def events(name: EventName) -> float:
    return value_of("events_total", event=name.value)


@in_database
def test_an_event_counts_when_it_is_committed_and_never_when_it_is_rolled_back() -> None:
    pipeline = Pipeline()
    video = pipeline.pending()
    before = events(EventName.VIDEO_UPDATED)
    with transaction.atomic():
        record_event(video=video, event=EventName.VIDEO_UPDATED, actor="user:1", now=NOON)
        transaction.set_rollback(True)
    assert events(EventName.VIDEO_UPDATED) == before
    with transaction.atomic():
        record_event(video=video, event=EventName.VIDEO_UPDATED, actor="user:1", now=NOON)
        assert events(EventName.VIDEO_UPDATED) == before
    assert events(EventName.VIDEO_UPDATED) == before + 1


@in_database
def test_the_steps_of_a_video_are_timed_once_each() -> None:
    """Accepted at noon, claimed 40 s later, published 100 s after that; a re-encode is no first picture."""
    pipeline = Pipeline()
    before = {step: (value_of(f"{step}_count"), value_of(f"{step}_sum")) for step in STEPS}
    at_once = value_of("enqueue_seconds_bucket", le="0.005")
    video = pipeline.uploaded()
    pipeline.fixed_clock.advance(seconds=40)
    claim = pipeline.claim(video, lease_seconds=600)
    pipeline.fixed_clock.advance(seconds=100)
    pipeline.publish(claim)
    seen = {
        step: (value_of(f"{step}_count") - before[step][0], value_of(f"{step}_sum") - before[step][1]) for step in STEPS
    }
    assert seen == {
        "queue_wait_seconds": (1, 40),
        "claim_to_ready_seconds": (1, 100),
        "time_to_playable_seconds": (1, 140),
        "enqueue_seconds": (1, 0),
    }
    assert value_of("enqueue_seconds_bucket", le="0.005") == at_once + 1
    playable = value_of("time_to_playable_seconds_count")
    pipeline.retry(video)
    pipeline.publish(pipeline.claim(video))
    assert value_of("time_to_playable_seconds_count") == playable


@in_database
def test_failures_count_by_cause_and_repairs_by_invariant() -> None:
    pipeline = Pipeline()
    names: dict[str, dict[str, Any]] = {
        "INPUT_MALFORMED": {"name": "failures_total", "cause": "INPUT_MALFORMED"},
        "WORKER_LOST": {"name": "failures_total", "cause": "WORKER_LOST"},
        "V03": {"name": "repairs_total", "invariant": "V03", "severity": RunningJobHasLease.severity.value},
    }
    before = {key: value_of(**labels) for key, labels in names.items()}
    pipeline.failed()
    pipeline.processing()
    pipeline.fixed_clock.advance(seconds=3600)
    run_once(pipeline.world, invariants=[RunningJobHasLease()])
    assert {key: value_of(**labels) - before[key] for key, labels in names.items()} == dict.fromkeys(names, 1)


@in_database
@pytest.mark.usefixtures("sqs_engine")
def test_gauges_are_what_the_tables_and_the_queue_say() -> None:
    purge_queue()
    pipeline = Pipeline()
    pipeline.fixed_clock.instant = timezone.now() - timedelta(minutes=10)
    pipeline.uploaded()
    gauges = read_gauges()
    assert gauges["tables_up",] == 1
    assert gauges["videos", "UPLOADED"] == 1
    assert 600 <= gauges["videos_oldest_age_seconds", "UPLOADED"] < 660
    assert gauges["jobs", "QUEUED"] == 1
    assert gauges["lease_age_seconds",] == 0
    assert gauges["workers",] == 0
    assert gauges["outbox_unsent",] == 0
    assert gauges["queue_messages", "jobs", "visible"] == 0
    assert gauges["invariant_period_seconds", "V01"] == 30
    assert ("invariant_last_round_timestamp_seconds", "V01") not in gauges


@in_database
@pytest.mark.usefixtures("sqs_engine")
def test_the_age_of_leases_is_that_of_the_job_which_is_silent_longest() -> None:
    """Of two that were claimed ten minutes ago one moves: the other one counts, until it has ended."""
    pipeline = Pipeline()
    pipeline.fixed_clock.instant = timezone.now() - timedelta(minutes=10)
    silent, moving = (pipeline.claim(pipeline.uploaded()) for _ in range(2))
    pipeline.fixed_clock.advance(seconds=480)
    progress = JobProgress(stage="encoding", percent=10.0, remaining_seconds=None)
    renew_lease(claim=moving, progress=progress, lease_seconds=60, clock=pipeline.clock)
    assert 600 <= read_gauges()["lease_age_seconds",] < 660
    pipeline.publish(silent)
    assert 120 <= read_gauges()["lease_age_seconds",] < 180


def test_every_process_of_an_installation_answers_on_its_own_loopback_port(stack: Stack) -> None:
    assert stack.http.get("/api/v1/media/videos/").is_success
    first = metrics_port_of(stack.ports)
    seen = [_scrape(first + offset) for offset in range(4)]
    api, relay, reconciler, worker = seen
    asked = {"route": "video-list", "method": "GET", "status": "2xx"}
    assert any(labels == asked for labels in api["academy_video_http_requests_total"])
    assert [process for process in seen if "academy_video_tables_up" in process] == [reconciler]
    assert all("academy_video_events_total" in process for process in (relay, worker))
    assert not httpx.get(f"{stack.base_url}/metrics", trust_env=False).text.startswith("# HELP")


def _scrape(port: int) -> dict[str, list[dict[str, str]]]:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=10).raise_for_status().text
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found
