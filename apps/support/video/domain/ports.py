"""What the services need of the world. The adapters in `libs` fulfil these by their shape."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from .checksums import Checksum


class ObjectHead(Protocol):
    """Facts of one stored object."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def etag(self) -> str: ...
    @property
    def checksums(self) -> Mapping[str, str]:
        """Of the whole object, by algorithm; those that storage knows."""
        ...


class ObjectEntry(Protocol):
    """One line of a listing."""

    @property
    def key(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def modified_at(self) -> datetime: ...


class ObjectPage(Protocol):
    """A part of a listing."""

    @property
    def entries(self) -> Sequence[ObjectEntry]: ...
    @property
    def is_last(self) -> bool: ...


class StoredPart(Protocol):
    """One part that storage has."""

    @property
    def part_number(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def etag(self) -> str: ...
    @property
    def checksums(self) -> Mapping[str, str]: ...
    @property
    def modified_at(self) -> datetime: ...


class OpenMultipartUpload(Protocol):
    """A multipart upload that is neither completed nor aborted."""

    @property
    def key(self) -> str: ...
    @property
    def upload_id(self) -> str: ...
    @property
    def initiated_at(self) -> datetime: ...


class ObjectStorage(Protocol):
    """
    One bucket. Strongly consistent, as S3 and R2 are.

    Every method raises the adapter's `StorageUnavailable` when storage did not answer, `StorageDenied` when it
    refused our credentials, and where it names one object `ObjectMissing` when there is none.
    """

    @property
    def checksum_algorithm(self) -> str | None:
        """What storage checks of what is sent to it; None: nothing."""
        ...

    def head(self, key: str) -> ObjectHead: ...
    def read_bytes(self, key: str) -> bytes: ...
    def delete_prefix(self, prefix: str) -> int:
        """Delete everything under a prefix, which must end in "/". Return how many objects went."""
        ...

    def list_objects(self, prefix: str) -> Iterator[ObjectEntry]:
        """Yield everything under a prefix, page by page."""
        ...

    def list_page(self, prefix: str, *, after: str = "") -> ObjectPage:
        """Return the objects of one page under a prefix, those after the key `after`, in the store's order."""
        ...

    def presign_get(self, key: str, *, expires_seconds: float) -> str: ...
    def presign_public_get(self, key: str, *, expires_seconds: float, save_as: str = "") -> str:
        """Return a URL for browsers; with a file name they save what it leads to instead of showing it."""
        ...

    def presign_put(
        self,
        key: str,
        *,
        content_type: str,
        size_bytes: int,
        expires_seconds: float,
        checksum: Checksum | None = None,
    ) -> str:
        """Return a URL that accepts one PUT of exactly this type and length, and only while no such object exists."""
        ...

    def create_multipart(self, key: str, *, content_type: str) -> str:
        """Begin a multipart upload and return its id."""
        ...

    def presign_part(
        self,
        key: str,
        *,
        upload_id: str,
        part_number: int,
        size_bytes: int,
        checksum: Checksum | None,
        expires_seconds: float,
    ) -> str:
        """Return a URL that accepts a PUT of one part of exactly this length, and of this checksum if given."""
        ...

    def list_parts(self, key: str, *, upload_id: str) -> Sequence[StoredPart]:
        """Return all parts that storage has. Raises `MultipartUploadMissing` when it was completed or aborted."""
        ...

    def complete_multipart(self, key: str, *, upload_id: str, parts: Sequence[Any], checksum: Checksum | None) -> None:
        """Make one object of these parts. Also raises `MultipartUploadMissing`, and `ChecksumMismatch`."""
        ...

    def abort_multipart(self, key: str, *, upload_id: str) -> None:
        """Throw the parts away. Leaves alone what is gone or has become an object."""
        ...

    def list_multiparts(self, prefix: str) -> Iterator[OpenMultipartUpload]:
        """Yield the open multipart uploads under a prefix."""
        ...
