"""The file that is sent: read in pieces, and known again when it has changed."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import FileChanged, FileUnreadable

PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What tells one file from another without reading it."""

    path: str
    size_bytes: int
    modified_ns: int


class Source:
    """An open file. Reading is thread-safe: every read names its place."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise FileUnreadable(f"{path}: {error.strerror}") from error
        self.path = path
        self.fingerprint = self._look()
        if self.fingerprint.size_bytes == 0:
            self.close()
            raise FileUnreadable(f"{path} is empty")

    @property
    def size_bytes(self) -> int:
        return self.fingerprint.size_bytes

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def require_unchanged(self) -> None:
        """
        See that nobody has written to the file since it was opened.

        Raises:
            FileChanged: Somebody has.
        """
        if self._look() != self.fingerprint:
            raise FileChanged(f"{self.path} has changed while it was sent")

    def pieces(self, offset: int, length: int, *, on_bytes: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """Yield a range of the file; `on_bytes` is told of each piece once the next one is asked for."""
        end = offset + length
        while offset < end:
            piece = os.pread(self._file.fileno(), min(PIECE_BYTES, end - offset), offset)
            if not piece:
                raise FileChanged(f"{self.path} has become shorter while it was sent")
            offset += len(piece)
            yield piece
            if on_bytes is not None:
                on_bytes(len(piece))

    def _look(self) -> Fingerprint:
        seen = os.fstat(self._file.fileno())
        return Fingerprint(path=str(self.path.resolve()), size_bytes=seen.st_size, modified_ns=seen.st_mtime_ns)
