from datetime import UTC, datetime, timedelta, timezone

import pytest

from libs.clock import FixedClock, SystemClock


def test_the_systems_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_fixed_clock_moves_only_when_told_to() -> None:
    seoul = timezone(timedelta(hours=9))
    clock = FixedClock(datetime(2026, 3, 1, 9, 0, tzinfo=seoul))

    assert clock.now() == clock.now() == datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
    clock.advance(seconds=90.5)
    assert clock.now() == datetime(2026, 3, 1, 0, 1, 30, 500_000, tzinfo=UTC)


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        FixedClock(datetime(2026, 3, 1))  # noqa: DTZ001 - the point of the test
