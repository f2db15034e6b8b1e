"""When a failed attempt is tried again."""

import random
from datetime import timedelta

FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 900.0


def backoff_delay(*, failure_count: int, jitter: random.Random | None = None) -> timedelta:
    """
    Exponential backoff with full jitter above one half.

    Args:
        failure_count: Failures so far, at least 1.
        jitter: Source of randomness; tests hand in a seeded one.

    Source:
        https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    # Bounded before it is a power: 2.0 ** 1024 is no float any more.
    doublings = min(failure_count - 1, 32)
    ceiling = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0**doublings)
    spread = (jitter or random).uniform(0.5, 1.0)
    return timedelta(seconds=ceiling * spread)
