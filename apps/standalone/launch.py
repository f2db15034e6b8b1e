"""Starts child processes that cannot outlive this one."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# Loaded here: a child between fork and exec must not load anything.
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user that a process runs as."""

    user_id: int
    group_id: int


def nothing() -> None:
    """Prepare nothing, or find ready whatever runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """
    How to run one process.

    Args:
        account: Another user to run as; only root can choose one.
        stop_signal: Asks it to end in order.
        parent_death_signal: What it gets when the supervisor dies without a word.
        prepare: Runs before every start.
        check_ready: Raises `NotReady` until the process does its work.
        routine_output: Lines that match are kept in the log file but not shown on the terminal.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_folder: Path
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    parent_death_signal: signal.Signals = signal.SIGKILL
    prepare: Callable[[], None] = field(default=nothing)
    check_ready: Callable[[], None] = field(default=nothing)
    routine_output: re.Pattern[str] | None = None


def spawn(spec: ProcessSpec, *, output: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """
    Start a process in a session of its own. It dies with the thread that called this, so call it from the main one.

    Args:
        output: Where standard output and error go, together.

    Source:
        https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    spec.prepare()
    parent = os.getpid()
    account = spec.account
    return subprocess.Popen(
        spec.command,
        cwd=spec.working_folder,
        env=dict(spec.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # A Ctrl-C in the terminal reaches the supervisor alone, which then stops all in order.
        start_new_session=True,
        user=account.user_id if account else None,
        group=account.group_id if account else None,
        extra_groups=[] if account else None,
        # Unsafe with threads in general; this is a system call on a library that is loaded already.
        preexec_fn=lambda: die_with_parent(parent, spec.parent_death_signal),  # noqa: PLW1509
    )


def die_with_parent(parent: int, death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread that started it is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the call above.
        os._exit(1)


def kill_group(pid: int) -> None:
    """Kill what a dead process left behind in its session's first process group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
