"""To operators of spot machines: a notice is heard before the machine goes, and a silent service stops nobody."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.worker.video_worker.notice import notices, watch_notices
from libs.machine.spot import MetadataUnavailable, SpotNotice
from tests.support.metadata import MetadataService
from tests.support.waiting import wait_until


@pytest.fixture
def service() -> Iterator[MetadataService]:
    with MetadataService() as running:
        yield running


def watch(spot_url: str | None = None, stop_file: Path | None = None) -> threading.Event:
    stopping = threading.Event()
    watch_notices(notices(spot_url=spot_url, stop_file=stop_file), stopping=stopping, poll_seconds=0.02)
    return stopping


def test_a_machine_that_stays_has_no_notice(service: MetadataService) -> None:
    assert not SpotNotice(base_url=service.url).is_given()


def test_a_machine_that_goes_has_one(service: MetadataService) -> None:
    service.is_going = True
    assert SpotNotice(base_url=service.url).is_given()


def test_a_service_that_refuses_is_not_a_notice(service: MetadataService) -> None:
    service.is_broken = True
    with pytest.raises(MetadataUnavailable):
        SpotNotice(base_url=service.url).is_given()


def test_a_notice_that_comes_stops_the_work(service: MetadataService) -> None:
    stopping = watch(service.url)
    wait_until(lambda: len(service.questions) > 2, timeout_seconds=5)
    assert not stopping.is_set()
    service.is_going = True
    wait_until(stopping.is_set, timeout_seconds=5)


def test_a_notice_that_is_there_already_is_heard_before_any_work(service: MetadataService) -> None:
    service.is_going = True
    assert watch(service.url).is_set()


def test_a_service_that_is_away_stops_nobody(service: MetadataService) -> None:
    service.is_broken = True
    stopping = watch(service.url)
    assert not stopping.wait(0.2)
    service.is_broken = False
    service.is_going = True
    wait_until(stopping.is_set, timeout_seconds=5)


def test_a_file_stops_the_work_too(tmp_path: Path) -> None:
    stop_file = tmp_path / "stop"
    stopping = watch(stop_file=stop_file)
    assert not stopping.is_set()
    stop_file.touch()
    wait_until(stopping.is_set, timeout_seconds=5)


def test_without_a_source_nothing_is_watched() -> None:
    assert watch_notices(notices(spot_url=None, stop_file=None), stopping=threading.Event()) is None
