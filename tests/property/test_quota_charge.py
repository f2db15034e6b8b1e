"""Promises of the arithmetic behind limits."""

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.support.video.domain.errors import QuotaExceeded
from apps.support.video.domain.lifecycle import UploadState, VideoStatus
from apps.support.video.domain.messages import LANGUAGES, error_text
from apps.support.video.domain.quota import FREE, Charge, Limit, Limits, charge_of, require_room

amounts = st.integers(0, 10**13)
charges = st.builds(
    Charge, reserved_bytes=amounts, stored_bytes=amounts, stored_milliseconds=amounts, open_uploads=st.integers(0, 1000)
)
limits = st.builds(
    Limits,
    file_bytes=st.just(10**12),
    duration_seconds=st.just(1.0),
    stored_bytes=st.none() | amounts,
    stored_seconds=st.none() | amounts,
    open_uploads=st.none() | st.integers(0, 1000),
)
states = st.tuples(st.sampled_from(VideoStatus), st.sampled_from(UploadState))


@given(states, amounts, amounts, st.none() | st.floats(0, 1e6))
def test_a_charge_is_never_negative_and_a_deleted_video_is_free(
    state: tuple[VideoStatus, UploadState], size_bytes: int, output_bytes: int, duration_seconds: float | None
) -> None:
    status, upload = state
    charge = charge_of(
        status=status,
        upload=upload,
        is_deleted=False,
        size_bytes=size_bytes,
        output_bytes=output_bytes,
        duration_seconds=duration_seconds,
    )
    assert min(charge.reserved_bytes, charge.stored_bytes, charge.stored_milliseconds, charge.open_uploads) >= 0
    assert charge.reserved_bytes == 0 or charge.stored_bytes == 0
    deleted = charge_of(
        status=status,
        upload=upload,
        is_deleted=True,
        size_bytes=size_bytes,
        output_bytes=output_bytes,
        duration_seconds=duration_seconds,
    )
    assert deleted == FREE


@given(charges, limits, amounts)
def test_what_passes_fits_and_what_fits_passes(used: Charge, limits: Limits, size_bytes: int) -> None:
    after_bytes = used.reserved_bytes + used.stored_bytes + size_bytes
    fits = (
        (limits.stored_bytes is None or after_bytes <= limits.stored_bytes)
        and (limits.stored_seconds is None or used.stored_milliseconds // 1000 < limits.stored_seconds)
        and (limits.open_uploads is None or used.open_uploads < limits.open_uploads)
    )
    with nullcontext() if fits else pytest.raises(QuotaExceeded):
        require_room(used=used, limits=limits, size_bytes=size_bytes)


@given(charges, charges)
def test_differences_add_up(before: Charge, after: Charge) -> None:
    change = after.minus(before)
    assert before.minus(FREE.minus(change)) == after


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("limit", Limit)
def test_every_limit_says_what_is_used_and_what_would_help(limit: Limit, language: str) -> None:
    params = {"limit": limit.value, "used": 7200, "allowed": 10_800, "requested": 3600}
    text = error_text("quota_exceeded", language, params)
    assert "?" not in text.detail + text.hint
    if limit is Limit.STORED_SECONDS and language == "en":
        assert text.detail == "Over the limit of video length: 2.0 h of 3.0 h used, 1.0 h asked for."
        assert text.hint.startswith("What would help: Delete videos")
