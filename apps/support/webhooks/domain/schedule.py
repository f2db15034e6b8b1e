"""When a message that its receiver did not take is sent again, and when we give up."""

import random
from datetime import datetime, timedelta

FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 2 * 3600.0
GIVE_UP_AFTER = timedelta(hours=24)
# A receiver that does not answer at all is asked by one message at a time, not by each of its videos' first ones.
LONGEST_PAUSE = timedelta(minutes=1)


def next_attempt_at(
    *,
    first_attempt_at: datetime,
    attempt_count: int,
    now: datetime,
    retry_after_seconds: float | None = None,
    jitter: random.Random | None = None,
) -> datetime | None:
    """
    Return when to try again: after 5 s, twice that, and so on up to 2 h, each with jitter above one half.

    The last attempt is made a day after the first one; after that the answer is None.

    Args:
        attempt_count: Attempts so far, at least 1.
        retry_after_seconds: The receiver's own wish; `libs.outbound` reads one in seconds, up to an hour. It is never
            asked earlier.
        jitter: Source of randomness; tests hand in a seeded one.
    """
    give_up_at = first_attempt_at + GIVE_UP_AFTER
    if now >= give_up_at:
        return None
    ceiling = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempt_count - 1, 32))
    seconds = max(ceiling * (jitter or random).uniform(0.5, 1.0), retry_after_seconds or 0.0)
    return min(now + timedelta(seconds=seconds), give_up_at)
