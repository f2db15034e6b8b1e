"""Finds out from /proc which process listens on a port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_STATE_LISTEN = "0A"


def describe_holder(port: int) -> str:
    """Name whoever listens on this port, as well as this user can see it."""
    holders = find_holders(port)
    if not holders:
        return "a process that this user may not look at"
    return " and ".join(f"process {pid} ({_command_line(pid)})" for pid in holders)


def find_holders(port: int) -> list[int]:
    """Return the ids of the processes that listen on this port."""
    targets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return [pid for pid in _process_ids() if targets and not targets.isdisjoint(_open_files(pid))]


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _STATE_LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _process_ids() -> Iterator[int]:
    try:
        names = [entry.name for entry in _PROC.iterdir()]
    except OSError:
        return
    yield from (int(name) for name in names if name.isdigit())


def _open_files(pid: int) -> set[str]:
    targets: set[str] = set()
    try:
        for descriptor in (_PROC / str(pid) / "fd").iterdir():
            targets.add(str(descriptor.readlink()))
    except OSError:
        # It ended meanwhile, or belongs to somebody else.
        return targets
    return targets


def _command_line(pid: int) -> str:
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return "ended meanwhile"
    words = raw.replace(b"\0", b" ").decode(errors="replace").strip()
    return words if len(words) <= 100 else f"{words[:99]}…"
