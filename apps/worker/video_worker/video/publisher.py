"""Carrying a package to storage, under the attempt's prefix."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .packager import MASTER_NAME

_CONTENT_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
}


class PackageStorage(Protocol):
    """Where packages go. Raises the storage adapter's errors."""

    def upload_file(
        self, key: str, path: Path, *, content_type: str, on_bytes: Callable[[int], None] | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedPackage:
    """What was written."""

    object_count: int
    bytes_total: int


def upload_package(
    folder: Path, *, prefix: str, storage: PackageStorage, on_bytes: Callable[[int], None]
) -> UploadedPackage:
    """Upload everything in `folder` below `prefix`, the master playlist last: whoever sees it finds all it names."""
    files = sorted(_files(folder), key=lambda path: (path.name == MASTER_NAME, path.suffix == ".m3u8", str(path)))
    for path in files:
        key = prefix + path.relative_to(folder).as_posix()
        storage.upload_file(key, path, content_type=_CONTENT_TYPES[path.suffix], on_bytes=on_bytes)
    return UploadedPackage(object_count=len(files), bytes_total=sum(path.stat().st_size for path in files))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix in _CONTENT_TYPES)
