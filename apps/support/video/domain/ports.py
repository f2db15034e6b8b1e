"""What the services need of the world. The adapters in `libs` fulfil these by their shape."""

from collections.abc import Iterator
from typing import Protocol


class ObjectHead(Protocol):
    """Facts of one stored object."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def etag(self) -> str: ...


class ObjectEntry(Protocol):
    """One line of a listing."""

    @property
    def key(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


class ObjectStorage(Protocol):
    """
    One bucket. Strongly consistent, as S3 and R2 are.

    Every method raises the adapter's `StorageUnavailable` when storage did not answer, `StorageDenied` when it
    refused our credentials, and where it names one object `ObjectMissing` when there is none.
    """

    def head(self, key: str) -> ObjectHead: ...
    def read_bytes(self, key: str) -> bytes: ...
    def delete_prefix(self, prefix: str) -> int:
        """Delete everything under a prefix, which must end in "/". Return how many objects went."""
        ...

    def list_objects(self, prefix: str) -> Iterator[ObjectEntry]:
        """Yield everything under a prefix, page by page."""
        ...

    def presign_get(self, key: str, *, expires_seconds: float) -> str: ...
    def presign_public_get(self, key: str, *, expires_seconds: float) -> str: ...
    def presign_put(self, key: str, *, content_type: str, size_bytes: int, expires_seconds: float) -> str:
        """Return a URL that accepts one PUT of exactly this type and length, and only while no such object exists."""
        ...
