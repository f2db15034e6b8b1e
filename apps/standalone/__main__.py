"""`python -m apps.standalone`: run the installation, or control one that runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from apps.standalone.control import VERBS, send_request
from apps.standalone.credentials import load_or_create_credentials
from apps.standalone.errors import Misconfigured, StandaloneError
from apps.standalone.paths import REPOSITORY, home_from_environment
from apps.standalone.ports import read_port_plan
from apps.standalone.processes import Installation
from apps.standalone.report import running_ports
from apps.standalone.run import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "ctl":
            answer = send_request(home_from_environment(os.environ).control_socket, [options.verb, *options.names])
            print(json.dumps(answer, indent=2))
        elif options.command == "manage":
            _manage(options.arguments)
        else:
            run(os.environ)
    except StandaloneError as error:
        sys.stdout.flush()
        print(f"\n{error}", file=sys.stderr)
        return error.exit_code
    return 0


def _manage(arguments: Sequence[str]) -> None:
    home = home_from_environment(os.environ)
    if not home.credentials_file.exists():
        raise Misconfigured(f"There is no installation in {home.root} yet. Start with `make run`.")
    installation = Installation(
        home=home,
        ports=running_ports(home) or read_port_plan(os.environ),
        credentials=load_or_create_credentials(home),
        worker_count=0,
        variables=dict(os.environ),
    )
    os.chdir(REPOSITORY)
    os.execve(sys.executable, [sys.executable, "manage.py", *arguments], installation.environment())  # noqa: S606


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m apps.standalone", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("run", help="start everything and stay (the default)")
    control = commands.add_parser("ctl", help="pause, resume or list processes of the running installation")
    control.add_argument("verb", choices=VERBS)
    control.add_argument("names", nargs="*", help="names of processes; `worker` means all workers")
    manage = commands.add_parser("manage", help="run a manage.py command with the installation's settings")
    manage.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
