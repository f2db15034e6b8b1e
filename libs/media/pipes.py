"""
Named pipes that a program takes for files: what it writes is handed on and never lies on disk.

Source:
    fifo(7).
"""

import os
import selectors
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

_READ_BYTES = 1024 * 1024
_POLL_SECONDS = 0.1

Taker = Callable[[bytes], None]


class NamedPipes:
    """
    Pipes at paths where nothing is yet.

    Args:
        takers: Who takes the bytes that are written to each path. Its writer waits meanwhile.
    """

    def __init__(self, takers: Mapping[Path, Taker]) -> None:
        self.is_taking = False
        self._takers = takers
        for path in takers:
            os.mkfifo(path)

    def read(self, *, is_over: Callable[[], bool]) -> None:
        """
        Hand on what is written until all writers have gone.

        Args:
            is_over: Whether nobody will write any more. A pipe that nobody has opened has no end of its own.

        Raises:
            Exception: What a taker raised. Whoever writes is told that nobody reads.
        """
        with selectors.DefaultSelector() as selector, ExitStack() as stack:
            for path, take in self._takers.items():
                # A blocking open would wait for a writer that may have died.
                pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                stack.callback(os.close, pipe)
                selector.register(pipe, selectors.EVENT_READ, take)
            while selector.get_map():
                # Asked before the look: what was written until then is still found by it.
                over = is_over()
                ready = selector.select(_POLL_SECONDS)
                if over and not ready:
                    return
                for key, _events in ready:
                    if content := os.read(key.fd, _READ_BYTES):
                        self._hand_on(content, key.data)
                    else:
                        selector.unregister(key.fd)

    def _hand_on(self, content: bytes, take: Taker) -> None:
        self.is_taking = True
        take(content)
        self.is_taking = False
