"""Carrying a package's small files to storage, under the attempt's prefix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from apps.support.video.domain.chunks import TrackPart
from apps.support.video.domain.playlists import MASTER_NAME

MEDIA_TYPE = "video/mp4"
_CONTENT_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".vtt": "text/vtt",
    ".jpg": "image/jpeg",
}


class PackageStorage(Protocol):
    """Where packages go. Raises the storage adapter's errors."""

    def upload_file(
        self, key: str, path: Path, *, content_type: str, on_bytes: Callable[[int], None] | None = None
    ) -> None: ...

    def write_bytes(self, key: str, body: bytes, *, content_type: str) -> None: ...

    def copy(self, source_key: str, target_key: str) -> None: ...


def gather_parts(
    parts: Sequence[TrackPart], *, prefix: str, storage: PackageStorage, on_copied: Callable[[int], None]
) -> tuple[TrackPart, ...]:
    """
    Return the parts with every object under `prefix`: those of earlier attempts are copied there, within storage.

    So a published prefix holds all that it shows, and whatever else an attempt has left is garbage.

    Args:
        on_copied: Told how many are copied, before each copy and after the last. What it raises ends the gathering.

    Raises:
        ObjectMissing: An earlier attempt's object is gone.
    """
    keys = {key for part in parts for key in (part.key, part.init.key)}
    places = {key: prefix + key.rpartition("/")[2] for key in sorted(keys)}
    elsewhere = [key for key, place in places.items() if key != place]
    for count, key in enumerate(elsewhere):
        on_copied(count)
        storage.copy(key, places[key])
    on_copied(len(elsewhere))
    return tuple(
        replace(part, key=places[part.key], init=replace(part.init, key=places[part.init.key])) for part in parts
    )


def store_files(files: Mapping[str, bytes], *, prefix: str, storage: PackageStorage) -> None:
    """Store files by name below `prefix`, the master playlist last: whoever sees it finds all that it names."""
    for name in sorted(files, key=lambda name: (name == MASTER_NAME, name.endswith(".m3u8"), name)):
        storage.write_bytes(prefix + name, files[name], content_type=_CONTENT_TYPES[Path(name).suffix])
