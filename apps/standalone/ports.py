"""Which ports an installation uses, and who holds one that it cannot have."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from apps.standalone.errors import Misconfigured
from apps.standalone.port_holders import describe_holder

DEFAULT_WEB_PORT = 8000
HIGHEST_PORT = 65535
# SeaweedFS derives this one itself: https://github.com/seaweedfs/seaweedfs/wiki/Worker
ADMIN_GRPC_OFFSET = 10_000

# Variable, meaning. The place in this list is the offset from ACADEMY_PORT.
SLOTS: tuple[tuple[str, str], ...] = (
    ("ACADEMY_PORT", "the web address"),
    ("ACADEMY_PG_PORT", "PostgreSQL"),
    ("ACADEMY_S3_PORT", "object storage (S3)"),
    ("ACADEMY_SQS_PORT", "the queue (SQS)"),
    ("ACADEMY_S3_GRPC_PORT", "object storage's gateway"),
    ("ACADEMY_S3_MASTER_PORT", "object storage's master"),
    ("ACADEMY_S3_MASTER_GRPC_PORT", "object storage's master"),
    ("ACADEMY_S3_FILER_PORT", "object storage's index"),
    ("ACADEMY_S3_FILER_GRPC_PORT", "object storage's index"),
    ("ACADEMY_S3_VOLUME_PORT", "object storage's volumes"),
    ("ACADEMY_S3_VOLUME_GRPC_PORT", "object storage's volumes"),
    ("ACADEMY_S3_ADMIN_PORT", "object storage's maintenance"),
)
_MEANINGS = dict(SLOTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPlan:
    """A port for every variable of `SLOTS`."""

    numbers: Mapping[str, int]

    @property
    def web(self) -> int:
        return self.numbers["ACADEMY_PORT"]

    @property
    def postgres(self) -> int:
        return self.numbers["ACADEMY_PG_PORT"]

    @property
    def s3(self) -> int:
        return self.numbers["ACADEMY_S3_PORT"]

    @property
    def sqs(self) -> int:
        return self.numbers["ACADEMY_SQS_PORT"]

    def listening(self) -> list[tuple[str, int]]:
        """Return every port that something will listen on, with the variable that decides it."""
        admin = self.numbers["ACADEMY_S3_ADMIN_PORT"]
        return [*self.numbers.items(), ("ACADEMY_S3_ADMIN_PORT", admin + ADMIN_GRPC_OFFSET)]


def read_port_plan(variables: Mapping[str, str]) -> PortPlan:
    """
    Choose the ports: `ACADEMY_PORT` and upwards, each overridable.

    Raises:
        Misconfigured: Some are no port numbers, or two are the same. It lists all of them.
    """
    problems: list[str] = []
    base = _read_port("ACADEMY_PORT", variables, DEFAULT_WEB_PORT, problems)
    numbers = {
        variable: _read_port(variable, variables, base + offset, problems) for offset, (variable, _) in enumerate(SLOTS)
    }
    plan = PortPlan(numbers=numbers)
    owners: dict[int, str] = {}
    for variable, number in plan.listening():
        if number > HIGHEST_PORT:
            problems.append(f"{variable} leads to port {number}, above {HIGHEST_PORT}: set it lower")
        if number in owners:
            problems.append(f"{owners[number]} and {variable} both lead to port {number}: change one of them")
        owners[number] = variable
    if problems:
        raise Misconfigured("The ports cannot be used:\n" + "\n".join(f"  - {p}" for p in dict.fromkeys(problems)))
    return plan


def require_free_ports(plan: PortPlan) -> None:
    """
    See that nobody listens on our ports.

    Raises:
        Misconfigured: Somebody does. It says who, and which variable moves us out of their way.
    """
    problems = [
        f"port {number} ({_MEANINGS[variable]}) is taken by {describe_holder(number)}: "
        f"stop it, or set {variable} to a free port"
        for variable, number in plan.listening()
        if not is_free(number)
    ]
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise Misconfigured(
            f"Ports are taken:\n{lines}\nACADEMY_PORT (now {plan.web}) moves all of them that are not set one by one."
        )


def is_free(number: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a server that has just ended must not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
        return True


def _read_port(variable: str, variables: Mapping[str, str], default: int, problems: list[str]) -> int:
    given = variables.get(variable, "").strip()
    if not given:
        return default
    if not (given.isascii() and given.isdigit()) or len(given) > 6 or not 1 <= int(given) <= HIGHEST_PORT:
        problems.append(f"{variable} must be a port number from 1 to {HIGHEST_PORT}")
        return default
    return int(given)
