"""What can keep a standalone installation from running. Each says what to do next."""

from __future__ import annotations

EXIT_FAILURE = 1
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h


class StandaloneError(Exception):
    """The installation cannot run. The message ends with the next step."""

    exit_code = EXIT_FAILURE


class Misconfigured(StandaloneError):
    """Something in the environment or on this machine has to be changed first."""

    exit_code = EXIT_CONFIGURATION


class StartFailed(StandaloneError):
    """A process did not become ready, or a preparing command failed."""


class StopRequested(Exception):
    """Somebody asked the installation to stop, by a signal."""


class NotReady(Exception):
    """The process runs but does not answer as it should yet."""
