"""What storage compares bytes with, so that damaged ones are noticed where they arrive."""

import base64
from dataclasses import dataclass
from enum import StrEnum


class ChecksumAlgorithm(StrEnum):
    """As S3 names them. Both can be of a file that arrives in parts, from the parts' own ones."""

    CRC64NVME = "CRC64NVME"
    CRC32 = "CRC32"

    @property
    def size_bytes(self) -> int:
        """How long a checksum is."""
        return 8 if self is ChecksumAlgorithm.CRC64NVME else 4

    def accepts(self, value: str) -> bool:
        """Tell whether this is the base64 of one."""
        try:
            return len(base64.b64decode(value, validate=True)) == self.size_bytes
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """The value is the base64 of the checksum's bytes, the highest first."""

    algorithm: ChecksumAlgorithm
    value: str
