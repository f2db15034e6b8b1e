"""
Into which parts a file is cut.

All parts but the last are equally large: R2 demands it, and it lets every side work out a part's bytes from its number.

Source:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    https://developers.cloudflare.com/r2/objects/multipart-objects/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MIB = 1024**2
LARGEST_OBJECT_BYTES = 5 * 1024**4
SMALLEST_PART_BYTES = 5 * MIB
LARGEST_PART_BYTES = 5 * 1024 * MIB
MOST_PARTS = 10_000
# Small enough that a lost connection costs little, large enough that a request's fixed cost does not show.
USUAL_PART_BYTES = 8 * MIB


class UploadStrategy(StrEnum):
    """How the bytes are sent."""

    SINGLE = "single"
    MULTIPART = "multipart"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """Parts are counted from 1."""

    size_bytes: int
    part_size_bytes: int
    part_count: int

    def size_of(self, part_number: int) -> int:
        """
        Return a part's length.

        Raises:
            ValueError: The plan has no such part.
        """
        if not 1 <= part_number <= self.part_count:
            raise ValueError(f"part {part_number} of {self.part_count}")
        return min(self.part_size_bytes, self.size_bytes - self.offset_of(part_number))

    def offset_of(self, part_number: int) -> int:
        """Return where in the file a part begins."""
        return (part_number - 1) * self.part_size_bytes

    def missing(self, stored: Mapping[int, int]) -> list[int]:
        """Return the numbers of the parts that are not stored, or not with their length; `stored` is size by number."""
        return [number for number in range(1, self.part_count + 1) if stored.get(number) != self.size_of(number)]


def plan_parts(size_bytes: int) -> PartPlan:
    """
    Plan a file's parts: as many usual ones as it takes, larger ones where that would be too many.

    Raises:
        ValueError: No multipart upload can hold so much, or nothing.
    """
    if not 0 < size_bytes <= LARGEST_OBJECT_BYTES:
        raise ValueError(f"no plan for {size_bytes} bytes")
    least_bytes = _divide_up(size_bytes, MOST_PARTS)
    part_size_bytes = max(USUAL_PART_BYTES, _divide_up(least_bytes, MIB) * MIB)
    return PartPlan(
        size_bytes=size_bytes,
        part_size_bytes=part_size_bytes,
        part_count=_divide_up(size_bytes, part_size_bytes),
    )


def _divide_up(number: int, divisor: int) -> int:
    return -(-number // divisor)
