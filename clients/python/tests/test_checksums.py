"""Promises about checksums: as storage works them out, and of a whole from its parts."""

import pytest
from academy_video.checksums import ALGORITHMS, CRC32, CRC64NVME, Algorithm, algorithm_of
from academy_video.errors import TooOld
from hypothesis import given
from hypothesis import strategies as st

algorithms = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)


@pytest.mark.parametrize(
    ("algorithm", "value", "text"), [(CRC64NVME, 0xAE8B14860A799888, "rosUhgp5mIg="), (CRC32, 0xCBF43926, "y/Q5Jg==")]
)
def test_the_check_value_of_the_algorithm(algorithm: Algorithm, value: int, text: str) -> None:
    """The published check values over "123456789"."""
    assert algorithm.of([b"1234", b"", b"56789"]) == value
    assert algorithm.as_text(value) == text


@algorithms
@given(parts=st.lists(st.binary(max_size=200), max_size=8))
def test_parts_checksums_join_to_the_wholes(algorithm: Algorithm, parts: list[bytes]) -> None:
    assert algorithm.joined((algorithm.of([part]), len(part)) for part in parts) == algorithm.of(parts)


def test_a_ticket_names_the_algorithm() -> None:
    assert algorithm_of("CRC64NVME") is CRC64NVME
    assert algorithm_of("CRC32") is CRC32
    assert algorithm_of(None) is None


def test_an_algorithm_that_is_not_known_is_said_so() -> None:
    with pytest.raises(TooOld, match="MD6") as refusal:
        algorithm_of("MD6")
    assert refusal.value.hint
