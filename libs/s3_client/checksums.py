"""
Checksums as S3 names them.

Both algorithms can be of a whole object that arrives in parts: storage adds the parts' ones up.

Source:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from collections.abc import Mapping
from typing import Any, Protocol

ALGORITHMS = ("CRC64NVME", "CRC32")


class Checksum(Protocol):
    """Which algorithm, and its value as S3 writes it: base64 of the bytes, the highest first."""

    @property
    def algorithm(self) -> str: ...
    @property
    def value(self) -> str: ...


def checksum_header(algorithm: str) -> str:
    """Return the header that carries a checksum, as browsers and servers write it."""
    return f"x-amz-checksum-{algorithm.lower()}"


def checksum_param(checksum: Checksum | None) -> dict[str, str]:
    """Return a checksum as boto3 wants it among a call's parameters."""
    return {f"Checksum{checksum.algorithm}": checksum.value} if checksum else {}


def whole_checksums(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums in one of storage's answers, by algorithm, that are of all the bytes."""
    found = {algorithm: str(answer.get(f"Checksum{algorithm}") or "") for algorithm in ALGORITHMS}
    # "…-3" is a checksum of three parts' checksums, and says nothing that an uploader could compare.
    return {algorithm: value for algorithm, value in found.items() if value and "-" not in value}
