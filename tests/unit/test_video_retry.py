"""Promises about when a failed attempt is tried again: soon at first, never in a stampede, never later than 15 min."""

import random

import pytest

from apps.support.video.domain.retry import FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, backoff_delay


@pytest.mark.parametrize(
    ("failure_count", "longest_seconds"),
    [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (8, 640), (9, 900), (50, 900), (5000, 900)],
)
def test_the_delay_doubles_up_to_its_limit(failure_count: int, longest_seconds: float) -> None:
    jitter = random.Random(1)
    delays = [backoff_delay(failure_count=failure_count, jitter=jitter).total_seconds() for _ in range(200)]
    assert min(delays) >= longest_seconds / 2
    assert max(delays) <= longest_seconds


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    delays = {backoff_delay(failure_count=3) for _ in range(50)}
    assert len(delays) > 40


def test_the_same_jitter_gives_the_same_delay() -> None:
    assert backoff_delay(failure_count=2, jitter=random.Random(7)) == backoff_delay(
        failure_count=2, jitter=random.Random(7)
    )


def test_the_first_try_is_within_seconds() -> None:
    assert (FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS) == (5.0, 900.0)
