"""Where uploads were left, and that nobody else is at the same one."""

import fcntl
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .errors import Busy
from .source import Fingerprint
from .trace import new_traceparent

# Long after any upload's deadline.
KEPT_SECONDS = 60 * 86_400


@dataclass(slots=True, kw_only=True)
class Left:
    """
    An upload as it was left. `video_id` is None until the server has named one. All its calls are one `traceparent`.

    `idempotency_key` is written down before the server is asked: a process that dies in between makes no second video.
    """

    idempotency_key: str
    video_id: int | None = None
    traceparent: str = field(default_factory=new_traceparent)


class ResumeFile:
    """What is kept of one file's upload to one installation, locked while it is open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Left | None:
        """Return how the upload was left, or None when there is none."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return Left(
                idempotency_key=str(kept["idempotency_key"]),
                video_id=kept["video_id"],
                # Releases before it kept none.
                traceparent=str(kept.get("traceparent") or new_traceparent()),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self) -> Left:
        """Keep a fresh upload."""
        left = Left(idempotency_key=str(uuid.uuid4()))
        self.write(left)
        return left

    def write(self, left: Left) -> None:
        """Keep how it stands now."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(left)), encoding="utf-8")
        # All of it or none: a process may die here too.
        os.replace(fresh, self._path)

    def forget(self) -> None:
        """Drop it: the upload has come to its end."""
        self._path.unlink(missing_ok=True)


def state_folder() -> Path:
    """Return where uploads are kept: `$XDG_STATE_HOME/academy-video`."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "academy-video"


def _clear_out(folder: Path) -> None:
    horizon = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime < horizon:
                path.unlink()
        except FileNotFoundError:
            # Another process clears out too.
            continue


@contextmanager
def resume_file(fingerprint: Fingerprint, *, base_url: str, folder: Path) -> Iterator[ResumeFile]:
    """
    Open what is kept of a file's upload, for one process at a time.

    Raises:
        Busy: Another process is at it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear_out(folder)
    name = json.dumps([base_url, fingerprint.path, fingerprint.size_bytes, fingerprint.modified_ns])
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another process is uploading {fingerprint.path}") from error
        yield ResumeFile(path)
