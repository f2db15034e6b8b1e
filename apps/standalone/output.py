"""What processes print: kept per process in a file, and shown together on the terminal."""

from __future__ import annotations

import io
import json
import queue
import re
import sys
import threading
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TextIO

ROTATE_BYTES = 16 * 1024 * 1024
TAIL_LINES = 30
# A paused terminal must not pause the processes: what does not fit is only in the files.
TERMINAL_BACKLOG_LINES = 5000
NAME_WIDTH = 10

_COLORS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_SHOWN_ELSEWHERE = {"timestamp", "level", "event", "message", "logger"}


class Terminal:
    """One merged stream of lines, each with the name of its process. Colours only where they show as colours."""

    def __init__(self, stream: TextIO, *, color: bool, verbose: bool) -> None:
        self._stream = stream
        self._color = color
        self._verbose = verbose
        self._colors: dict[str, int] = {}
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=TERMINAL_BACKLOG_LINES)
        self._printer = threading.Thread(target=self._print_all, name="terminal", daemon=True)
        self._printer.start()

    def show(self, name: str, line: str, *, is_routine: bool = False) -> None:
        """Show a process's line, unless it is routine and nobody asked for every detail."""
        if line.strip() and (self._verbose or not is_routine):
            self._enqueue(f"{self._prefix(name)} {readable(line)}")

    def say(self, text: str) -> None:
        """Show something of the supervisor's own, without a prefix."""
        self._enqueue(text)

    def close(self, *, timeout_seconds: float = 2.0) -> None:
        """Print what is still waiting, but do not wait for a paused terminal."""
        self._enqueue(None)
        self._printer.join(timeout=timeout_seconds)

    def _enqueue(self, line: str | None) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return

    def _print_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except (OSError, ValueError):
                # The terminal is gone; the files go on.
                return

    def _prefix(self, name: str) -> str:
        padded = f"{name:<{NAME_WIDTH}}"
        if not self._color:
            return f"{padded} |"
        color = self._colors.setdefault(name, _COLORS[len(self._colors) % len(_COLORS)])
        return f"\x1b[{color}m{padded} |\x1b[0m"


class LogBook:
    """The log files of all processes, the supervisor's own among them."""

    def __init__(self, folder: Path, terminal: Terminal) -> None:
        self._folder = folder
        self._terminal = terminal
        self._files: dict[str, IO[bytes]] = {}
        self._tails: dict[str, deque[str]] = {}
        self._lock = threading.Lock()

    def write(self, name: str, line: str, *, is_routine: bool = False) -> None:
        """Keep one line of a process, and show it."""
        with self._lock:
            self._tails.setdefault(name, deque(maxlen=TAIL_LINES)).append(line)
            # On a full disk lines are lost, but nobody blocks on a pipe that is no longer read.
            with suppress(OSError):
                self._append(name, line)
        self._terminal.show(name, line, is_routine=is_routine)

    def note(self, event: str, **facts: object) -> None:
        """Keep and show something that the supervisor did."""
        entry = {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        self.write("supervisor", json.dumps(entry, ensure_ascii=False, default=str))

    def tail(self, name: str) -> str:
        """Return the last lines of a process."""
        with self._lock:
            return "\n".join(self._tails.get(name, ()))

    def pump(self, name: str, stream: IO[bytes], *, routine: re.Pattern[str] | None = None) -> None:
        """Copy a process's output line by line until it ends, in a thread of its own."""
        threading.Thread(target=self._copy, args=(name, stream, routine), name=f"log-{name}", daemon=True).start()

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def _copy(self, name: str, stream: IO[bytes], routine: re.Pattern[str] | None) -> None:
        with stream:
            for raw in stream:
                line = raw.decode(errors="replace").rstrip("\r\n")
                self.write(name, line, is_routine=routine is not None and routine.match(line) is not None)

    def _append(self, name: str, line: str) -> None:
        path = self._folder / f"{name}.log"
        file = self._files.get(name)
        if file is not None and file.tell() > ROTATE_BYTES:
            file.close()
            path.replace(path.with_suffix(".log.1"))
            file = None
        if file is None:
            file = path.open("ab", buffering=0)
            path.chmod(0o600)
            self._files[name] = file
        file.write(f"{line}\n".encode())


def readable(line: str) -> str:
    """Return a JSON log line as people read it; any other line as it is."""
    if not line.startswith("{"):
        return line
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "event" not in entry:
        return line
    level = str(entry.get("level", "info")).upper()
    facts = " ".join(f"{name}={value}" for name, value in entry.items() if name not in _SHOWN_ELSEWHERE)
    message = entry.get("message")
    told = message if message and message != entry["event"] else ""
    words = ("" if level == "INFO" else level, str(entry["event"]), str(told), facts)
    return "  ".join(word for word in words if word)


def open_terminal(stream: TextIO, *, no_color: bool, verbose: bool) -> Terminal:
    """Return the terminal on a stream, coloured if that is one."""
    return Terminal(stream, color=stream.isatty() and not no_color, verbose=verbose)


def standard_terminal(*, no_color: bool, verbose: bool) -> Terminal:
    """Return the terminal on standard output."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return open_terminal(sys.stdout, no_color=no_color, verbose=verbose)
