"""What storage compares bytes with. Which one it is, the upload's ticket says."""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from awscrt import checksums

from .errors import TooOld


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """
    A checksum that is worked out piece by piece, and of a whole from its parts' ones.

    Attributes:
        field: What the API calls the checksum of a whole file.
        go_on: Takes a piece and the checksum of what came before it.
        join: Takes two checksums and the second one's length.
    """

    field: str
    size_bytes: int
    go_on: Callable[[bytes, int], int]
    join: Callable[[int, int, int], int]

    def of(self, pieces: Iterable[bytes]) -> int:
        """Return the checksum of all pieces, one after the other."""
        value = 0
        for piece in pieces:
            value = self.go_on(piece, value)
        return value

    def joined(self, parts: Iterable[tuple[int, int]]) -> int:
        """Return the checksum of a whole from its parts' ones and lengths, in their order."""
        value = 0
        for checksum, length in parts:
            value = self.join(value, checksum, length)
        return value

    def as_text(self, checksum: int) -> str:
        """Return a checksum as S3 writes it: the base64 of its bytes, the highest first."""
        return base64.b64encode(checksum.to_bytes(self.size_bytes, "big")).decode()


CRC64NVME = Algorithm(
    field="checksum_crc64nvme", size_bytes=8, go_on=checksums.crc64nvme, join=checksums.combine_crc64nvme
)
CRC32 = Algorithm(field="checksum_crc32", size_bytes=4, go_on=checksums.crc32, join=checksums.combine_crc32)
ALGORITHMS = {"CRC64NVME": CRC64NVME, "CRC32": CRC32}


def algorithm_of(name: str | None) -> Algorithm | None:
    """
    Return the algorithm that a ticket names, or None where storage checks nothing.

    Raises:
        TooOld: It is one that this client does not know.
    """
    if name is None:
        return None
    try:
        return ALGORITHMS[name]
    except KeyError as error:
        raise TooOld(f"storage checks {name}, which this client cannot work out") from error
