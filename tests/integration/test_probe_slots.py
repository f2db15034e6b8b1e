"""Promises to everybody else while somebody's file is being probed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.support.video.services.verification import (
    BoundedProber,
    Deferred,
    ProbeBusy,
    Refused,
    Verified,
    verify_source,
)
from libs.media.ffprobe import MediaFacts, ProbeCrashed, ProbeTimeout, ProbeTooLarge
from tests.support.videos import FACTS, Pipeline, StubProber


class SlowProber:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.go_on = threading.Event()

    def probe(self, *, url: str, timeout_seconds: float, if_match_etag: str | None = None) -> MediaFacts:
        self.started.release()
        assert self.go_on.wait(timeout=20)
        return FACTS


def probe(prober: BoundedProber) -> MediaFacts:
    return prober.probe(url="https://storage.invalid/a", timeout_seconds=1)


def test_as_many_probes_as_allowed_run_and_the_next_is_turned_away_at_once() -> None:
    slow = SlowProber()
    bounded = BoundedProber(slow, most_at_a_time=2)
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(probe, bounded) for _ in range(2)]
        for _ in running:
            assert slow.started.acquire(timeout=20)
        with pytest.raises(ProbeBusy):
            probe(bounded)
        slow.go_on.set()
        assert [future.result(timeout=20) for future in running] == [FACTS, FACTS]
    assert probe(bounded) == FACTS


def test_a_probe_that_fails_gives_its_slot_back() -> None:
    bounded = BoundedProber(StubProber(answer=ProbeTimeout("8 s")), most_at_a_time=1)
    for _ in range(3):
        with pytest.raises(ProbeTimeout):
            probe(bounded)


@pytest.mark.django_db
def test_an_upload_that_finds_no_slot_is_verified_by_the_worker() -> None:
    pipeline = Pipeline()
    slow = SlowProber()
    bounded = BoundedProber(slow, most_at_a_time=1)
    video = pipeline.pending()
    pipeline.put(video)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(probe, bounded)
        assert slow.started.acquire(timeout=20)
        pipeline.prober = bounded  # type: ignore[assignment]
        job = pipeline.complete(video)
        slow.go_on.set()
        running.result(timeout=20)
    assert job.state == "QUEUED"
    assert (pipeline.upload_of(video).verified, pipeline.upload_of(video).media_facts) == (False, {})


@pytest.mark.parametrize("doubt", [ProbeBusy(), ProbeTimeout("8 s"), ProbeTooLarge("20 MB"), ProbeCrashed("signal 9")])
@pytest.mark.django_db
def test_a_doubt_is_no_refusal(doubt: Exception) -> None:
    found = verify_source(url="u", etag="e", prober=StubProber(answer=doubt), video_id=1, longest_seconds=1.0)
    assert isinstance(found, Deferred)


@pytest.mark.parametrize(("longest_seconds", "verdict"), [(12.5, Verified), (12.4, Refused)])
@pytest.mark.django_db
def test_a_tenants_own_limit_on_the_length_holds(longest_seconds: float, verdict: type) -> None:
    found = verify_source(url="u", etag="e", prober=StubProber(), video_id=1, longest_seconds=longest_seconds)
    assert isinstance(found, verdict)
    if isinstance(found, Refused):
        assert found.cause_code == "INPUT_TOO_LONG"
    assert not isinstance(found, Deferred)
