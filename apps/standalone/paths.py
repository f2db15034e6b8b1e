"""Where a standalone installation keeps its files."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.standalone.errors import Misconfigured

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folder of one installation: `ACADEMY_HOME`, by default `var/` of the repository."""

    root: Path

    @property
    def credentials_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def report_file(self) -> Path:
        return self.root / "standalone.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "standalone.lock"

    @property
    def control_socket(self) -> Path:
        return self.root / "control.sock"

    @property
    def log_folder(self) -> Path:
        return self.root / "log"

    @property
    def postgres_folder(self) -> Path:
        return self.root / "postgres"

    @property
    def s3_folder(self) -> Path:
        return self.root / "s3"

    def create(self) -> None:
        """
        Make the folders.

        Raises:
            Misconfigured: This user may not write there.
        """
        try:
            is_fresh = not self.root.exists()
            self.root.mkdir(parents=True, exist_ok=True)
            if is_fresh:
                # Passable but not listable: PostgreSQL may run as another user and has its folder in here.
                self.root.chmod(0o711)
            for folder in (self.log_folder, self.s3_folder):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
        except PermissionError as error:
            raise Misconfigured(
                f"{self.root} belongs to another user ({error.strerror}: {error.filename}). "
                "Set ACADEMY_HOME to a folder of your own, or run as the user who made it."
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """
        Hold this home alone. The lock goes with the process, however it dies.

        Raises:
            Misconfigured: Another supervisor holds it.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise Misconfigured(
                f"Academy Video already runs here: process {holder} holds {self.root}. "
                "Stop it (Ctrl-C in its terminal), or set ACADEMY_HOME and ACADEMY_PORT for a second installation."
            ) from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)


def home_from_environment(variables: Mapping[str, str]) -> Home:
    """Return the home that `ACADEMY_HOME` names, or the repository's own."""
    given = variables.get("ACADEMY_HOME", "").strip()
    return Home(root=Path(given).expanduser().absolute() if given else REPOSITORY / "var")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only this user can read it, at no moment anybody else."""
    staged = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    staged.replace(path)
