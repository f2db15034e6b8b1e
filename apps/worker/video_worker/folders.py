"""Where a worker keeps what it is working on."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(parent: Path, *, prefix: str) -> Iterator[Path]:
    """
    Make an empty folder, and remove it with all that is in it at the end.

    Raises:
        OSError: There is no room for it, or no right to it.
    """
    # Machines clean up their temporary files while a worker waits for work.
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
