"""What apps above this one add to the doctor's round."""

from collections.abc import Callable, Mapping

from .outcome import Outcomes

Examination = Callable[[], Outcomes]

_registered: dict[str, Examination] = {}


def register_examination(name: str, examine: Examination) -> None:
    """Have the doctor look at something more, last. Called while the apps are made ready."""
    _registered[name] = examine


def registered_examinations() -> Mapping[str, Examination]:
    """Return all that are registered, by name."""
    return _registered
