"""The world as the settings say it is, for the processes and the command line."""

from .. import wiring
from .invariant import World


def wired_world() -> World:
    """Return the ports of this installation."""
    return World(
        clock=wiring.shared_clock(),
        storage=wiring.storage(),
        prober=wiring.prober(),
        queue=wiring.video_queue(),
        dead_letters=wiring.job_queue(),
    )
