"""`make run`: bring everything up, keep it up, take it down."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Mapping

from apps.standalone.control import ControlRequest, ControlSocket
from apps.standalone.credentials import load_or_create_credentials
from apps.standalone.errors import StandaloneError, StopRequested
from apps.standalone.orphans import end_orphans
from apps.standalone.output import LogBook, Terminal, standard_terminal
from apps.standalone.paths import home_from_environment
from apps.standalone.ports import read_port_plan, require_free_ports
from apps.standalone.processes import Installation, read_worker_count
from apps.standalone.report import banner, remove_report, write_report
from apps.standalone.supervisor import Supervisor


def run(variables: Mapping[str, str]) -> None:
    """
    Run an installation until somebody stops it.

    Raises:
        StandaloneError: It could not start. Nothing of it runs any more.
    """
    home = home_from_environment(variables)
    ports = read_port_plan(variables)
    worker_count = read_worker_count(variables)
    home.create()
    with home.locked():
        end_orphans(home, ports)
        require_free_ports(ports)
        installation = Installation(
            home=home,
            ports=ports,
            credentials=load_or_create_credentials(home),
            worker_count=worker_count,
            variables=dict(variables),
        )
        _Session(installation).run()


class _Session:
    """One run of an installation, from the first process to the last."""

    def __init__(self, installation: Installation) -> None:
        variables = installation.variables
        self._installation = installation
        self._terminal: Terminal = standard_terminal(
            no_color=bool(variables.get("NO_COLOR")),
            verbose=variables.get("ACADEMY_LOG_LEVEL", "").upper() == "DEBUG",
        )
        self._log_book = LogBook(installation.home.log_folder, self._terminal)
        self._supervisor = Supervisor(log_book=self._log_book, on_change=self._report)
        self._is_ready = False

    def run(self) -> None:
        remove_report(self._installation)
        self._supervisor.listen_to_signals()
        control = ControlSocket(self._installation.home.control_socket, wake=self._supervisor.wake)
        try:
            self._start()
            self._supervisor.watch(lambda: self._answer_requests(control))
        except StopRequested:
            pass
        finally:
            self._stop(control)

    def _start(self) -> None:
        started_at = time.monotonic()
        self._terminal.say("Academy Video 시작 중… · starting…")
        self._supervisor.start_group(self._installation.engines())
        self._supervisor.wait_ready()
        for group in self._installation.preparations():
            self._supervisor.run_to_end(group)
        self._supervisor.start_group(self._installation.application())
        self._supervisor.wait_ready()
        self._is_ready = True
        self._report()
        ready_seconds = time.monotonic() - started_at
        self._log_book.note("standalone_ready", base_url=self._installation.base_url, seconds=round(ready_seconds, 1))
        self._terminal.say(banner(self._installation, ready_seconds=ready_seconds))

    def _stop(self, control: ControlSocket) -> None:
        self._is_ready = False
        self._terminal.say("Academy Video 종료 중… · stopping…")
        control.close()
        remove_report(self._installation)
        self._supervisor.stop_all()
        self._log_book.note("standalone_stopped")
        self._log_book.close()
        self._terminal.close()

    def _report(self) -> None:
        if not self._is_ready:
            return
        try:
            write_report(self._installation, self._supervisor.pids())
        except OSError as error:
            self._log_book.note("report_not_written", level="error", reason=str(error))

    def _answer_requests(self, control: ControlSocket) -> None:
        while True:
            try:
                request = control.requests.get_nowait()
            except queue.Empty:
                return
            self._answer(request)

    def _answer(self, request: ControlRequest) -> None:
        known = self._supervisor.names()
        # "worker" means all of them.
        names = [name for name in known if name in request.names or name.rpartition("-")[0] in request.names]
        if request.verb != "status" and not names:
            request.answer(error=f"There is no process {' '.join(request.names)!r}. There are: {', '.join(known)}.")
            return
        try:
            if request.verb in ("stop", "restart"):
                self._supervisor.pause(names)
            if request.verb in ("start", "restart"):
                self._supervisor.resume(names)
        except StandaloneError as error:
            request.answer(error=str(error))
            return
        request.answer(supervisor=os.getpid(), processes={name: self._supervisor.pids().get(name) for name in known})
