"""Runs scenarios once for each point at which a process can die."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.test import override_settings

from apps.support.video.models import VideoTranscodeJob
from libs.s3_client.client import S3Storage
from tests.chaos.killing import KillSwitch, Point, When, watched_database
from tests.chaos.lab import UPLOAD_DEADLINE_SECONDS, Lab, empty_tables, lab
from tests.chaos.oracle import Verdict
from tests.chaos.scenarios import Scenario
from tests.chaos.steps import MULTIPART_BYTES, Story

LAB_SETTINGS = {
    "VIDEO_MULTIPART_THRESHOLD_BYTES": MULTIPART_BYTES,
    "VIDEO_UPLOAD_DEADLINE_SECONDS": UPLOAD_DEADLINE_SECONDS,
    "VIDEO_MULTIPART_DEADLINE_SECONDS": UPLOAD_DEADLINE_SECONDS,
    # So long viewers of an earlier output still watch it, and it is kept for them.
    "VIDEO_PLAYBACK_TTL_SECONDS": 300.0,
    "VIDEO_SEGMENT_URL_TTL_SECONDS": 300.0,
}


Place = tuple[tuple[str, int, str], When]


def _every(_place: Place) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """A run in which a process died, and what the oracle said of its end."""

    scenario: str
    point: str
    when: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.scenario}, killed {self.when} {self.point}: {self.verdict}"


def points_of(scenario: Scenario, *, storage: S3Storage) -> tuple[list[Point], Verdict]:
    """Run a scenario to its end and return the points that its processes pass, in order."""
    switch = KillSwitch()
    verdict = _run(scenario, switch, storage=storage)
    return switch.points, verdict


def every_death(
    scenario: Scenario, *, storage: S3Storage, points: Sequence[Point], claim: Callable[[Place], bool] = _every
) -> Iterator[Death]:
    """
    Run a scenario once for each of its points, and let a process die there.

    To die after one point and before the next one of the same step is one and the same death, as nothing that
    outlives the process lies between them. It is died once. To die on either side of a call that only reads is also
    one death: the world is the same before and after it.

    Args:
        claim: Whether a process shall die at this place; asked once for each, when its turn has come.
    """
    for number, point in enumerate(points):
        for when in _sides(points, number):
            if not claim((point.place, when)):
                continue
            switch = KillSwitch(die_at=number, when=when)
            verdict = _run(scenario, switch, storage=storage)
            if len(switch.points) <= number:
                raise AssertionError(f"{scenario.name} passes {point} once and then not again")
            yield Death(scenario=scenario.name, point=str(point), when=when, verdict=verdict)


def _sides(points: Sequence[Point], number: int) -> Iterator[When]:
    point = points[number]
    follows_read = number > 0 and points[number - 1].step == point.step and points[number - 1].only_reads
    is_last_of_step = number + 1 == len(points) or points[number + 1].step != point.step
    if not follows_read:
        yield When.BEFORE
    if is_last_of_step and not point.only_reads:
        yield When.AFTER


def _run(scenario: Scenario, switch: KillSwitch, *, storage: S3Storage) -> Verdict:
    with _fresh_lab(scenario, switch, storage=storage) as opened:
        opened.runs = scenario.runs
        opened.patience_seconds = scenario.patience_seconds
        story = Story(opened)
        scenario.prepare(story)
        opened.watch()
        for step in scenario.steps:
            with switch.armed(step.__name__):
                step(story)
            opened.watch()
        verdict = opened.come_to_rest()
        if switch.die_at is None:
            verdict.merge(_needless_attempts(scenario))
        return verdict


def _needless_attempts(scenario: Scenario) -> Verdict:
    """Say which jobs were started again although nothing had gone wrong with them."""
    verdict = Verdict()
    for job in VideoTranscodeJob.objects.across_tenants().filter(attempt_count__gt=scenario.most_attempts):
        verdict.add("duplicated", f"{job.attempt_count} attempts, {scenario.most_attempts} were needed")
    return verdict


@contextmanager
def _fresh_lab(scenario: Scenario, switch: KillSwitch, *, storage: S3Storage) -> Iterator[Lab]:
    limits = {"VIDEO_TENANT_RUNNING_LIMIT": scenario.running_limit}
    with override_settings(**LAB_SETTINGS, **limits), watched_database(switch):
        empty_tables()
        with lab(storage=storage, switch=switch, is_real_time=scenario.is_real_time) as opened:
            yield opened
