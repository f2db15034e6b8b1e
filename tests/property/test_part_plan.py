"""Promises of the part plan, for every size that an object may have."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.support.video.domain.part_plan import (
    LARGEST_OBJECT_BYTES,
    LARGEST_PART_BYTES,
    MIB,
    MOST_PARTS,
    SMALLEST_PART_BYTES,
    USUAL_PART_BYTES,
    plan_parts,
)

GIB = 1024 * MIB
TIB = 1024 * GIB

any_size = st.integers(1, LARGEST_OBJECT_BYTES) | st.integers(1, 200 * GIB) | st.integers(1, 100 * MIB)


@given(any_size)
@example(1)
@example(USUAL_PART_BYTES)
@example(USUAL_PART_BYTES + 1)
@example(USUAL_PART_BYTES * MOST_PARTS)
@example(USUAL_PART_BYTES * MOST_PARTS + 1)
@example(LARGEST_OBJECT_BYTES - 1)
@example(LARGEST_OBJECT_BYTES)
def test_a_plan_covers_the_file_exactly_within_the_limits_of_s3(size_bytes: int) -> None:
    plan = plan_parts(size_bytes)
    assert 1 <= plan.part_count <= MOST_PARTS
    assert SMALLEST_PART_BYTES <= plan.part_size_bytes <= LARGEST_PART_BYTES
    assert plan.part_size_bytes % MIB == 0
    last = plan.size_of(plan.part_count)
    assert 1 <= last <= plan.part_size_bytes
    assert plan.part_size_bytes * (plan.part_count - 1) + last == size_bytes


@given(any_size, st.data())
def test_all_parts_but_the_last_are_equal_and_follow_each_other(size_bytes: int, data: st.DataObject) -> None:
    plan = plan_parts(size_bytes)
    number = data.draw(st.integers(1, plan.part_count))
    if number < plan.part_count:
        assert plan.size_of(number) == plan.part_size_bytes
        assert plan.offset_of(number) + plan.size_of(number) == plan.offset_of(number + 1)
    else:
        assert plan.offset_of(number) + plan.size_of(number) == size_bytes


@given(st.integers(1, 40 * GIB), st.data())
def test_what_is_missing_is_what_is_not_there_in_its_length(size_bytes: int, data: st.DataObject) -> None:
    plan = plan_parts(size_bytes)
    numbers = st.integers(1, plan.part_count)
    absent = data.draw(st.sets(numbers, max_size=5))
    short = data.draw(st.sets(numbers, max_size=5)) - absent
    stored = {n: plan.size_of(n) - (n in short) for n in range(1, plan.part_count + 1) if n not in absent}
    assert plan.missing(stored) == sorted(absent | short)


def test_five_tebibytes_fit_in_ten_thousand_parts() -> None:
    plan = plan_parts(5 * TIB)
    assert (plan.part_size_bytes, plan.part_count) == (525 * MIB, 9987)


def test_ordinary_files_have_parts_of_eight_mebibytes() -> None:
    assert plan_parts(300 * MIB).part_count == 38
    assert plan_parts(300 * MIB).part_size_bytes == 8 * MIB


@pytest.mark.parametrize("size_bytes", [-1, 0, LARGEST_OBJECT_BYTES + 1])
def test_what_no_upload_can_hold_has_no_plan(size_bytes: int) -> None:
    with pytest.raises(ValueError, match="no plan"):
        plan_parts(size_bytes)


@pytest.mark.parametrize("number", [0, 3])
def test_a_part_outside_the_plan_has_no_size(number: int) -> None:
    with pytest.raises(ValueError, match="of 2"):
        plan_parts(16 * MIB).size_of(number)
