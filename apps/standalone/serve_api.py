"""
Serves the api with granian, its serving process tied to the main one.

Granian forks the process that holds the connections. If its main process were killed, that one would live on and keep
the port. All arguments are granian's own.
"""

from __future__ import annotations

import multiprocessing
import os

from granian.cli import entrypoint

from apps.standalone.launch import die_with_parent


def main() -> None:
    # The only way of starting it after which the line below runs in it.
    multiprocessing.set_start_method("fork")
    parent = os.getpid()
    generations: list[int] = []

    def bind_serving_process() -> None:
        # What the serving process forks in turn (a probe) has another parent, and must not die of that.
        generations.append(os.getpid())
        if len(generations) == 1:
            die_with_parent(parent)

    os.register_at_fork(after_in_child=bind_serving_process)
    entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
